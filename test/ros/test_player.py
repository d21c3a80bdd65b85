# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A recording played over DDS: timing, simulated time, and the node that listens."""


from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')

from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy, qos_profile_sensor_data
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from hybrid_perception.cli.main import main
from hybrid_perception.compare.output_frame import output_topics, read_frames
from hybrid_perception.replay.frame import RAW_TYPE, Frame, RawPicture, Stamp
from hybrid_perception.replay.message import CAMERA_INFO_TYPE, input_message
from hybrid_perception.replay.output_bag import OutputBag
from hybrid_perception.replay.playback import open_playback
from hybrid_perception.replay.typestore import load_typestore
from hybrid_perception.ros.player import STALL, Player, PlayReport, PlaySettings

ROOT = Path(__file__).resolve().parents[2]
START = 1_700_000_000_000_000_000
PERIOD = 500_000_000
COUNT = 5


def frame(number: int, topic: str = '/image', period: int = PERIOD) -> Frame:
    """Make a small camera frame; its stamp is 20 ms before its recording."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 12, 3), dtype=np.uint8)
    rgb = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    time_ = START + number * period
    return Frame(number, topic, time_, Stamp.from_nanoseconds(time_ - 20_000_000),
                 'front_optical_frame', RawPicture(rgb.tobytes(), 48, 96, 'rgb8', 288))


def calibration(number: int, period: int) -> tuple[str, int, bytes]:
    store = load_typestore()
    types = store.types
    header = types['std_msgs/msg/Header'](
        types['builtin_interfaces/msg/Time'](7, number), 'front_optical_frame')
    message = types[CAMERA_INFO_TYPE](
        header, 48, 96, 'plumb_bob', np.zeros(5), np.arange(9.0), np.zeros(9), np.zeros(12), 0, 0,
        types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False))
    return '/camera_info', START + number * period, bytes(
        store.serialize_cdr(message, CAMERA_INFO_TYPE))


def record(folder: Path, count: int = COUNT, period: int = PERIOD) -> Path:
    """Write a bag of a camera and its calibration."""
    bag = OutputBag(folder, {'/camera_info': CAMERA_INFO_TYPE, '/image': RAW_TYPE},
                    compress=False)
    for number in range(count):
        bag.write(calibration(number, period))
        bag.write(input_message(frame(number, period=period)))
    bag.close()
    return folder


class Gate:
    """A publisher that waits until its reader can follow, and knows when it sent."""

    def __init__(self, publisher: Any, followed: Callable[[], int]) -> None:
        self._publisher = publisher
        self._followed = followed
        self.times: list[float] = []

    def publish(self, content: bytes) -> None:
        end = time.monotonic() + 30.0
        while self._followed() < len(self.times) and time.monotonic() < end:
            time.sleep(0.005)
        self.times.append(time.monotonic())
        self._publisher.publish(content)


class Playing:
    """A player in a thread of its own, on a node of its own."""

    def __init__(self, context: Context, bag: Path, settings: PlaySettings, *,
                 followed: Callable[[], int] = lambda: 10**9, **parameters: Any) -> None:
        self.node = Node('recording_player', context=context, parameter_overrides=[
            Parameter(name, value=value) for name, value in parameters.items()])
        self.stop = threading.Event()
        self.report: PlayReport | None = None
        player = Player(self.node, open_playback(bag), settings, self.stop)
        self.gate = player._publishers['/image'] = Gate(player._publishers['/image'], followed)

        def run() -> None:
            self.report = player.run()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    @property
    def ended(self) -> bool:
        return not self.thread.is_alive()

    def close(self) -> None:
        self.stop.set()
        self.thread.join(20)
        self.node.destroy_node()


@pytest.fixture
def playing() -> Iterator[Callable[..., Playing]]:
    """Make players; they end with the test."""
    players: list[Playing] = []

    def make(*given: Any, **parameters: Any) -> Playing:
        players.append(Playing(*given, **parameters))
        return players[-1]

    yield make
    for player in players:
        player.close()


class Listener:
    """Somebody who reads what is played."""

    def __init__(self) -> None:
        self.context = Context()
        self.context.init()
        self.node = Node('listener', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.images: list[Image] = []
        self.infos: list[CameraInfo] = []
        self.clock: list[int] = []

    def read(self) -> None:
        for type_, topic, callback in (
                (Image, '/image', self.images.append),
                (CameraInfo, '/camera_info', self.infos.append),
                (Clock, '/clock', lambda message: self.clock.append(
                    Time.from_msg(message.clock).nanoseconds))):
            self.node.create_subscription(type_, topic, callback, qos_profile_sensor_data)

    def spin_until(self, condition: Callable[[], bool], timeout: float = 60.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, 'waited in vain'
            self.executor.spin_once(timeout_sec=0.02)

    def close(self) -> None:
        self.executor.remove_node(self.node)
        self.node.destroy_node()
        self.executor.shutdown()
        self.context.try_shutdown()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Make a process of its own in ROS's eyes."""
    someone = Listener()
    yield someone
    someone.close()


def stamp_of(message: Any) -> int:
    return Time.from_msg(message.header.stamp).nanoseconds


def test_two_laps_give_one_answer_per_image_with_equal_stamps_and_the_offline_pixels(
        make_robot, playing, tmp_path):
    bag = record(tmp_path / 'drive')
    robot = make_robot(use_sim_time=True, max_latency=1.5).start('label', 'anomaly_score')
    player = playing(robot.context, bag, PlaySettings(laps=2, clock=40.0, wait=30.0),
                     followed=lambda: min(robot.settled, len(robot.received['label']),
                                          len(robot.received['anomaly_score'])))
    robot.spin_until(lambda: player.ended, timeout=110.0)
    robot.spin(0.3)

    stamps = [frame(number).stamp.nanoseconds for number in range(COUNT)]
    labels, scores = robot.received['label'], robot.received['anomaly_score']
    assert [stamp_of(message) for message in labels] == stamps + stamps
    assert [stamp_of(message) for message in scores] == stamps + stamps
    assert {message.header.frame_id for message in labels} == {'front_optical_frame'}
    counts = robot.counts
    assert (counts.received, counts.processed) == (2 * COUNT, 2 * COUNT)
    assert (counts.overload, counts.late, counts.bad) == (0, 0, 0)
    assert any('jumped back' in line for line in robot.log)
    # Rates begin anew with the lap, and latency is in simulated time: stamps are 20 ms old.
    assert robot.node._statistics._processing.count <= COUNT
    assert 0.0 <= robot.node._statistics.median_latency < 1.5
    assert player.report.sent == Counter({'/image': 2 * COUNT, '/camera_info': 2 * COUNT})
    assert (player.report.laps, player.report.heard, player.report.unplayable) == (2, True, [])

    model = robot.node.parameters.model_path
    assert main(['replay', str(bag), '--model', model, '--output', str(tmp_path / 'o.mcap')]) == 0
    offline = list(read_frames(tmp_path / 'o.mcap', output_topics(tmp_path / 'o.mcap')))
    for number, message in enumerate(scores):
        expected = offline[number % COUNT].images['anomaly_score']
        np.testing.assert_array_equal(robot.pixels(message), expected)


def test_messages_come_unchanged_and_not_before_they_are_due(listener, playing, tmp_path):
    bag = record(tmp_path / 'drive', count=4, period=200_000_000)
    listener.read()
    player = playing(listener.context, bag, PlaySettings(wait=30.0, clock=100.0))
    listener.spin_until(lambda: player.ended)
    assert [stamp_of(message) for message in listener.images] == [
        frame(number, period=200_000_000).stamp.nanoseconds for number in range(4)]
    for number, message in enumerate(listener.images):
        assert bytes(message.data) == bytes(frame(number).picture.data)
        assert (message.encoding, message.step) == ('rgb8', 288)
    assert [info.header.stamp.nanosec for info in listener.infos] == [0, 1, 2, 3]
    assert list(listener.infos[3].k) == list(range(9))
    # As recorded, less the lateness that is put up with.
    assert np.diff(player.gate.times).min() > 0.2 - STALL - 0.01
    # Simulated time stands still until the first message, then runs, and never backwards.
    assert listener.clock == sorted(listener.clock)
    assert listener.clock[0] == START
    assert START + 600_000_000 <= listener.clock[-1] < START + 1_000_000_000
    between = set(listener.clock) - {START + 200_000_000 * number for number in range(4)}
    assert len(between) >= 3


def test_a_faster_rate_and_a_later_start(listener, playing, tmp_path):
    bag = record(tmp_path / 'drive', count=6, period=1_000_000_000)
    listener.read()
    begun = time.monotonic()
    player = playing(listener.context, bag, PlaySettings(rate=10.0, start=2.5, wait=30.0))
    listener.spin_until(lambda: player.ended)
    assert [stamp_of(message) - START for message in listener.images] == [
        number * 1_000_000_000 - 20_000_000 for number in (3, 4, 5)]
    assert player.report.sent['/image'] == 3
    assert time.monotonic() - begun < 30.0
    assert listener.clock == []


@pytest.mark.parametrize(('settings', 'parameters', 'expected'), [
    (PlaySettings(), {}, ReliabilityPolicy.BEST_EFFORT),
    (PlaySettings(reliable=True), {}, ReliabilityPolicy.RELIABLE),
    (PlaySettings(), {'qos_overrides./image.publisher.reliability': 'reliable'},
     ReliabilityPolicy.RELIABLE),
])
def test_images_are_sent_best_effort_unless_told_otherwise(
        listener, playing, tmp_path, settings, parameters, expected):
    bag = record(tmp_path / 'drive', count=1)
    player = playing(listener.context, bag, settings, **parameters)
    listener.spin_until(lambda: listener.node.count_publishers('/image') == 1)
    endpoint, = listener.node.get_publishers_info_by_topic('/image')
    assert endpoint.qos_profile.reliability == expected
    listener.spin_until(lambda: player.ended)
    assert player.report.heard is False   # nobody reads, and it was not to wait
    assert player.report.sent['/image'] == 1


class Process:
    """`hybrid-perception play` as a user starts it."""

    def __init__(self, *arguments: object) -> None:
        code = 'import sys; from hybrid_perception.cli.main import main; sys.exit(main())'
        self.child = subprocess.Popen(
            [sys.executable, '-u', '-c', code, 'play', *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, 'PYTHONPATH': str(ROOT)})

    def end(self, number: int = 0) -> tuple[int, str, str]:
        if number:
            self.child.send_signal(number)
        out, err = self.child.communicate(timeout=60)
        return self.child.returncode, out, err


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_endless_looping_cleanly(listener, tmp_path, number):
    bag = record(tmp_path / 'drive', count=3, period=100_000_000)
    listener.read()
    process = Process(bag, '--loop', '--clock', '--wait', 60)
    listener.spin_until(lambda: len(listener.images) > 6)
    code, out, err = process.end(number)
    assert (code, 'Traceback' in err, 'error' in err) == (0, False, False), err
    assert '/image (sensor_msgs/msg/Image)' in out
    assert ' lap(s), the latest ' in out


def test_a_signal_ends_the_wait_for_a_reader(tmp_path):
    process = Process(record(tmp_path / 'drive', count=3), '--wait', 600)
    assert process.child.stdout.readline().startswith('/camera_info')
    code, out, err = process.end(signal.SIGINT)
    assert (code, err) == (0, '')
    assert 'sent 0 messages' in out


def test_topics_are_remapped_and_silence_is_explained(listener, tmp_path):
    process = Process(record(tmp_path / 'drive', count=1), '--wait', 0.5, '--ros-args', '-r',
                      '/image:=/front/image_raw')
    listener.spin_until(lambda: listener.node.count_publishers('/front/image_raw') == 1
                        or process.child.poll() is not None)
    code, out, err = process.end()
    assert code == 0
    assert 'sent 2 messages in 1 lap(s)' in out
    assert 'nobody read when playing began; the node reads it with image_topic:=/image' in err


def test_wrong_ros_arguments_are_one_line(tmp_path):
    process = Process(record(tmp_path / 'drive', count=1), '--ros-args', '-r', 'nonsense')
    code, _, err = process.end()
    assert code == 1
    assert 'hybrid-perception: error: --ros-args -r nonsense' in err
    assert 'Traceback' not in err
