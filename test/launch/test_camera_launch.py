# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""camera.launch.py: its manual, its overrides, and the real thing."""

# ruff: noqa: E402 - the imports follow the skip
from __future__ import annotations

from pathlib import Path
import time

import pytest

launch_pytest = pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed: it comes with a ROS 2 installation')

from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
import numpy as np
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from launch import LaunchDescription

LAUNCH_FILE = Path(__file__).resolve().parents[2] / 'launch' / 'camera.launch.py'
PARAMETER_FILE = """
/**:
  ros__parameters:
    overlay_alpha: 0.25
    operating_point: high
    model_path: {model}
"""


def described() -> LaunchDescription:
    return PythonLaunchDescriptionSource(str(LAUNCH_FILE)).get_launch_description(LaunchContext())


def test_the_arguments_are_those_of_the_field_and_read_like_a_manual():
    arguments = {entity.name: entity for entity in described().entities
                 if isinstance(entity, DeclareLaunchArgument)}
    assert list(arguments) == [
        'namespace', 'name', 'cameras', 'image_topic', 'camera_info_topic', 'image_transport',
        'params_file', 'model_path', 'precision', 'backend', 'num_threads', 'autostart',
        'use_sim_time', 'build_only', 'use_respawn', 'log_level', 'rviz', 'rviz_config', 'camera']
    for name, argument in arguments.items():
        assert len(argument.description) > 20, name
        assert argument.default_value is not None, name


@pytest.mark.parametrize(('given', 'expected'), [
    ({}, {'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'}),
    ({'ROS_DISTRO': 'jazzy'},
     {'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'}),
    ({'ROS_DISTRO': 'kilted'}, {'FASTDDS_DEFAULT_PROFILES_FILE'}),
    ({'FASTDDS_DEFAULT_PROFILES_FILE': 'mine.xml'}, set()),
    ({'FASTRTPS_DEFAULT_PROFILES_FILE': 'mine.xml'}, set()),
    ({'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA'}, set()),
])
def test_the_transport_profile_is_set_unless_the_user_chose_one(monkeypatch, given, expected):
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE',
                 'FASTDDS_BUILTIN_TRANSPORTS', 'ROS_DISTRO'):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    context = LaunchContext()
    choose = next(entity for entity in described().entities if isinstance(entity, OpaqueFunction))
    chosen = {''.join(part.perform(context) for part in action.name)
              for action in choose.execute(context) or []}
    assert chosen == expected


@pytest.mark.parametrize('given', ['two', '-1', '1.5', '²'])
def test_threads_that_are_no_number_are_named(given):
    context = LaunchContext()
    described_now = described()
    for entity in described_now.entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
    context.launch_configurations['num_threads'] = given
    *_, start = (e for e in described_now.entities if isinstance(e, OpaqueFunction))
    with pytest.raises(ValueError, match=f'num_threads:={given}: give a whole number'):
        start.execute(context)


class Robot:
    """A camera that is not the project's, and a reader."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node('foreign_robot')
        self.camera = self.node.create_publisher(
            Image, '/front/image_raw', qos_profile_sensor_data)
        self.labels: list[Image] = []
        self.node.create_subscription(Image, '/truck/eyes/open_set_label', self.labels.append, 5)

    def run_until_label(self, timeout: float = 40.0) -> Image:
        """Publish until the node answers."""
        message = Image(height=480, width=640, encoding='bgr8', step=1920)
        message.data.frombytes(np.full((480, 640, 3), 240, np.uint8).tobytes())
        message.header.frame_id = 'front_optical_frame'
        end = time.monotonic() + timeout
        while not self.labels:
            assert time.monotonic() < end, 'no label came'
            message.header.stamp = self.node.get_clock().now().to_msg()
            self.camera.publish(message)
            rclpy.spin_once(self.node, timeout_sec=0.1)
        return self.labels[0]

    def parameters(self, names: list[str]) -> list[object]:
        """Ask the node for parameters."""
        from rcl_interfaces.srv import GetParameters
        client = self.node.create_client(GetParameters, '/truck/eyes/get_parameters')
        assert client.wait_for_service(20.0)
        future = client.call_async(GetParameters.Request(names=names))
        rclpy.spin_until_future_complete(self.node, future, timeout_sec=20.0)
        return [rclpy.parameter.parameter_value_to_python(value)
                for value in future.result().values]


@pytest.fixture
def robot(monkeypatch):
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE',
                       str(LAUNCH_FILE.parents[1] / 'config' / 'fastdds_shm.xml'))
    onlooker = Robot()
    yield onlooker
    onlooker.node.destroy_node()
    rclpy.shutdown()


exits: list[tuple[str, int]] = []


@launch_pytest.fixture
def launched(tiny_model, tmp_path):
    parameters = tmp_path / 'own.yaml'
    parameters.write_text(PARAMETER_FILE.format(model=tiny_model))
    exits.clear()
    return LaunchDescription([RegisterEventHandler(OnProcessExit(
        # Without the number that launch counts over all launches of this process.
        on_exit=lambda event, _: exits.append(
            (event.process_name.rpartition('-')[0], event.returncode)),
    )), IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(LAUNCH_FILE)), launch_arguments={
            'namespace': 'truck', 'name': 'eyes', 'image_topic': '/front/image_raw',
            'params_file': str(parameters), 'backend': 'onnxruntime', 'num_threads': '1',
            'rviz': 'true'}.items())])


@pytest.mark.launch(fixture=launched)
def test_a_real_launch_answers_a_best_effort_camera_and_ends_cleanly(
        robot, launched, launch_context):
    label = robot.run_until_label()
    assert (label.height, label.width, label.encoding) == (480, 640, 'mono8')
    assert label.header.frame_id == 'front_optical_frame'
    # White is brighter than any threshold of the tiny model: unknown everywhere.
    assert set(label.data) == {3}
    # The file's values stand unless an argument overrides them; defaults stand behind both.
    assert robot.parameters(
        ['overlay_alpha', 'operating_point', 'backend', 'num_threads', 'autostart',
         'use_sim_time']) == [0.25, 'high', 'onnxruntime', 1, True, False]
    # The stand-in for RViz was closed long ago, and the node is still there.
    assert exits == [('rviz2', 0)]
    assert robot.node.count_publishers('/truck/eyes/label') == 1
    yield
    assert exits == [('rviz2', 0), ('perception_node', 0)]


@launch_pytest.fixture
def building(tiny_model, tmp_path):
    parameters = tmp_path / 'own.yaml'
    parameters.write_text(PARAMETER_FILE.format(model=tiny_model))
    exits.clear()
    return LaunchDescription([RegisterEventHandler(OnProcessExit(
        on_exit=lambda event, _: exits.append((event.process_name, event.returncode)),
    )), IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(LAUNCH_FILE)), launch_arguments={
            'params_file': str(parameters), 'backend': 'onnxruntime', 'build_only': 'true',
            'rviz': 'true', 'use_respawn': 'true'}.items()), launch_pytest.actions.ReadyToTest()])


@pytest.mark.launch(fixture=building)
def test_build_only_starts_the_node_alone_and_ends_with_it(building, launch_context):
    end = time.monotonic() + 60.0
    while not exits and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(3.0)  # a respawn would come after 2 s, RViz at once
    # On the CPU there is nothing to build, which the node says with its exit code.
    assert [(name.rpartition('-')[0], code) for name, code in exits] == [('perception_node', 1)]
