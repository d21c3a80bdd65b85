# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""replay.launch.py: its manual, which player it chooses, and the real thing."""

# ruff: noqa: E402 - the imports follow the skip
from __future__ import annotations

import importlib.util
from pathlib import Path
import time

import pytest

launch_pytest = pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed: it comes with a ROS 2 installation')
pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')

from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
import numpy as np
import rclpy
from sensor_msgs.msg import Image

from hybrid_perception.replay.frame import RAW_TYPE, Frame, RawPicture, Stamp
from hybrid_perception.replay.message import input_message
from hybrid_perception.replay.output_bag import OutputBag
from launch import LaunchDescription

LAUNCH_FILE = Path(__file__).resolve().parents[2] / 'launch' / 'replay.launch.py'
START = 1_700_000_000_000_000_000
PERIOD = 500_000_000
COUNT = 6


def load():
    spec = importlib.util.spec_from_file_location('replay_launch', LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_arguments_are_described_and_only_the_bag_is_required():
    description = PythonLaunchDescriptionSource(str(LAUNCH_FILE)).get_launch_description(
        LaunchContext())
    own = {entity.name: entity for entity in description.entities
           if isinstance(entity, DeclareLaunchArgument)}
    assert list(own) == ['bag', 'rate', 'loop', 'start', 'player', 'delay', 'stay']
    assert [name for name, argument in own.items() if argument.default_value is None] == ['bag']
    assert all(len(argument.description) > 20 for argument in own.values())
    # What --show-args lists: those of camera.launch.py too, which are handed on.
    shown = {argument.name for argument in description.get_launch_arguments()}
    assert {'image_topic', 'image_transport', 'model_path', 'rviz', 'namespace'} <= shown


@pytest.mark.parametrize(('bag', 'installed_too', 'player', 'expected'), [
    ('drive.mcap', True, 'auto', True),
    ('drive.mcap', False, 'auto', False),
    ('drive.db3', True, 'auto', True),
    ('drive.bag', True, 'auto', False),
    ('drive.mp4', True, 'auto', False),
    ('drive.mp4', True, 'rosbag2', True),
    ('drive.mcap', True, 'own', False),
])
def test_rosbag2_plays_where_it_is_installed_and_can(
        tmp_path, monkeypatch, bag, installed_too, player, expected):
    index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    if installed_too:
        (index / 'ros2bag').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert load().uses_rosbag2({'bag': bag, 'player': player}) is expected


def test_both_players_get_clock_rate_start_and_loop():
    chosen = {'bag': 'd', 'rate': '2.0', 'start': '1.5', 'delay': '4', 'loop': 'true'}
    module = load()
    assert module.rosbag2_command(chosen) == [
        'ros2', 'bag', 'play', 'd', '--clock', '--rate', '2.0', '--start-offset', '1.5',
        '--delay', '4', '--disable-keyboard-controls', '--loop']
    assert module.own_command({**chosen, 'loop': 'false'})[2:] == [
        'hybrid_perception.cli.main', 'play', 'd', '--clock', '--rate', '2.0', '--start', '1.5']


def record(folder: Path) -> Path:
    bag = OutputBag(folder, {'/front/image_raw': RAW_TYPE}, compress=False)
    for number in range(COUNT):
        moment = START + number * PERIOD
        rgb = np.full((48, 96, 3), 240, np.uint8)
        bag.write(input_message(Frame(
            number, '/front/image_raw', moment, Stamp.from_nanoseconds(moment),
            'front_optical_frame', RawPicture(rgb.tobytes(), 48, 96, 'rgb8', 288))))
    bag.close()
    return folder


exits: list[tuple[str, int]] = []


@launch_pytest.fixture
def launched(tiny_model, tmp_path):
    exits.clear()
    return LaunchDescription([
        RegisterEventHandler(OnProcessExit(on_exit=lambda event, _: exits.append(
            (event.process_name.rpartition('-')[0], event.returncode)))),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(LAUNCH_FILE)), launch_arguments={
                'bag': str(record(tmp_path / 'drive')), 'player': 'own', 'rate': '0.5',
                'image_topic': '/front/image_raw', 'model_path': str(tiny_model),
                'backend': 'onnxruntime'}.items())])


@pytest.mark.launch(fixture=launched)
def test_a_real_launch_answers_the_recording_in_simulated_time_and_ends_with_it(
        monkeypatch, launched, launch_context):
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE',
                       str(LAUNCH_FILE.parents[1] / 'config' / 'fastdds_shm.xml'))
    rclpy.init()
    node = rclpy.create_node('onlooker')
    labels: list[Image] = []
    node.create_subscription(Image, '/perception/label', labels.append, 5)
    end = time.monotonic() + 80.0
    while ('player', 0) not in exits and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_node()
    rclpy.shutdown()
    stamps = [message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
              for message in labels]
    expected = [START + number * PERIOD for number in range(COUNT)]
    assert stamps == sorted(set(stamps))
    assert set(stamps) <= set(expected)
    assert len(stamps) >= COUNT - 2   # a busy machine may lose some: the node takes the newest
    assert {message.header.frame_id for message in labels} == {'front_optical_frame'}
    yield
    # Nobody asked for it: the launch ended because the recording did.
    assert exits == [('player', 0), ('perception_node', 0)]
