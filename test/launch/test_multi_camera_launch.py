# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""multi_camera.launch.py: what it starts, and two cameras on one process for real."""

# ruff: noqa: E402 - the imports follow the skip
from __future__ import annotations

from pathlib import Path
import time

import pytest

launch_pytest = pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed: it comes with a ROS 2 installation')

from launch.actions import IncludeLaunchDescription, OpaqueFunction
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
import numpy as np
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from launch import LaunchDescription

LAUNCH_FILE = Path(__file__).resolve().parents[2] / 'launch' / 'multi_camera.launch.py'
CAMERAS = ('front', 'rear')


def started(**arguments: str) -> list[dict[str, str]]:
    """Return the arguments of every camera.launch.py that is included."""
    context = LaunchContext()
    context.launch_configurations.update(
        {'shared': 'true', 'namespace': '', **arguments})
    described = PythonLaunchDescriptionSource(str(LAUNCH_FILE)).get_launch_description(context)
    function = next(e for e in described.entities if isinstance(e, OpaqueFunction))
    return [dict(action.launch_arguments) for action in function.execute(context) or []
            if isinstance(action, IncludeLaunchDescription)]


def test_one_process_for_all_by_default():
    assert started(cameras='front, /rear/') == [{'cameras': 'front,rear'}]


def test_a_process_each_if_asked():
    assert started(cameras='front,rear', shared='false', namespace='/truck/') == [
        {'cameras': '', 'namespace': 'truck/front'}, {'cameras': '', 'namespace': 'truck/rear'}]


@pytest.mark.parametrize(('arguments', 'error'), [
    ({'cameras': ' , '}, 'names none'),
    ({'cameras': 'front,/front'}, 'twice'),
    ({'cameras': 'front', 'shared': 'yes'}, 'true or false'),
])
def test_wrong_arguments_are_named(arguments, error):
    with pytest.raises(ValueError, match=error):
        started(**arguments)


@launch_pytest.fixture
def launched(tiny_model):
    return LaunchDescription([IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(LAUNCH_FILE)), launch_arguments={
            'cameras': ','.join(CAMERAS), 'namespace': 'truck', 'model_path': str(tiny_model),
            'backend': 'onnxruntime'}.items())])


@pytest.mark.launch(fixture=launched)
def test_two_cameras_are_answered_by_one_process(launched, monkeypatch):
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE',
                       str(LAUNCH_FILE.parents[1] / 'config' / 'fastdds_shm.xml'))
    rclpy.init()
    node = rclpy.create_node('foreign_robot')
    labels: dict[str, list[Image]] = {name: [] for name in CAMERAS}
    cameras = {}
    for name in CAMERAS:
        cameras[name] = node.create_publisher(
            Image, f'/truck/{name}/image_raw', qos_profile_sensor_data)
        node.create_subscription(
            Image, f'/truck/{name}/perception/label', labels[name].append, 5)
    message = Image(height=48, width=64, encoding='rgb8', step=192)
    message.data.frombytes(np.full((48, 64, 3), 240, np.uint8).tobytes())
    end = time.monotonic() + 60
    try:
        while not all(labels.values()):
            assert time.monotonic() < end, {name: len(got) for name, got in labels.items()}
            for camera in cameras.values():
                message.header.stamp = node.get_clock().now().to_msg()
                camera.publish(message)
            rclpy.spin_once(node, timeout_sec=0.1)
        names = [f'{namespace}/{name}'.replace('//', '/') for name, namespace
                 in node.get_node_names_and_namespaces() if name == 'perception']
        assert sorted(names) == ['/truck/front/perception', '/truck/rear/perception']
    finally:
        node.destroy_node()
        rclpy.shutdown()
