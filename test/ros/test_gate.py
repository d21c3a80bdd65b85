# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames that come while the engine is at work: left unread, and counted all the same."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image

from hybrid_perception.ros.gate import Gate
from hybrid_perception.ros.inbox import as_callback
from hybrid_perception.ros.statistics import FrameStatistics


class Graph:
    """What a gate asks its node."""

    publishers = 1

    def count_publishers(self, topic: str) -> int:
        assert topic == '/image'
        return self.publishers


def number(value: int | None) -> dict[str, int | None]:
    return {'publication_sequence_number': value}


@pytest.fixture
def woken() -> list[bool]:
    return []


@pytest.fixture
def gate(woken) -> Gate:
    made = Gate(Graph(), '/image', lambda: woken.append(made.can_execute(None)))
    made.newest_only = made.overloaded = True
    return made


def test_a_gap_is_counted_where_the_gate_was_shut_and_wakes_the_executor(gate, woken):
    assert gate.missed(number(7)) == 0
    assert gate.shut()
    assert not gate.can_execute(None)
    gate.open()
    assert woken == [True]
    assert gate.missed(number(11)) == 3
    assert gate.missed(number(20)) == 0, 'lost by the transport, not by us'


def test_a_camera_that_starts_anew_has_no_gap(gate):
    gate.missed(number(70))
    gate.shut()
    gate.open()
    assert gate.missed(number(1)) == 0


@pytest.mark.parametrize('info', [{}, number(None), number(2**64 - 1)])
def test_without_numbers_it_never_shuts(gate, info):
    gate.missed(info)
    assert not gate.shut()
    assert gate.can_execute(None)
    assert gate.missed(info) == 0


def test_humbles_callback_gets_the_message_alone(gate, monkeypatch):
    found = []
    assert as_callback(found.append) == found.append
    monkeypatch.delattr(Subscription, 'CallbackType')
    as_callback(lambda message, info: found.append((message, gate.missed(info))))('frame')
    assert found == [('frame', 0)]
    assert not gate.shut()


def test_with_two_publishers_or_a_deeper_queue_it_never_shuts(gate, monkeypatch):
    monkeypatch.setattr(Graph, 'publishers', 2)
    gate.missed(number(1))
    assert not gate.shut()
    monkeypatch.setattr(Graph, 'publishers', 1)
    gate.newest_only = False
    gate.missed(number(2))
    assert not gate.shut()


def test_it_stays_open_until_the_first_number_is_known(gate):
    assert not gate.shut()
    assert gate.missed(number(5)) == 0


def test_while_nothing_is_dropped_it_stays_open(gate):
    gate.overloaded = False
    gate.missed(number(1))
    assert not gate.shut()


def test_time_in_which_nobody_listens_is_no_silence():
    statistics = FrameStatistics()
    statistics.begin()
    statistics.receive()
    statistics.listen(listening=False)
    time.sleep(0.05)
    assert statistics.silence == 0.0
    statistics.listen(listening=True)
    first = statistics.silence
    assert first < 0.05
    time.sleep(0.05)
    assert statistics.silence >= 0.05


FRAMES = 12
"""That come while the engine has one and is known to be overloaded."""


class Overload:
    """An engine that works until it is told to go on, and a camera that does not wait for it."""

    def __init__(self, robot, picture, monkeypatch) -> None:
        self.robot, self.picture = robot, picture
        self.go_on, self.begun, self.taken, self.sent = threading.Semaphore(0), 0, [], []
        segmenter, put = robot.node._engine.segmenter, robot.node._worker.inbox.put
        segment = segmenter.segment

        def slow(rgb: np.ndarray) -> object:
            self.begun += 1
            assert self.go_on.acquire(timeout=60)
            return segment(rgb)

        monkeypatch.setattr(segmenter, 'segment', slow)
        monkeypatch.setattr(robot.node._inputs[0], 'callback', lambda message, info: (
            self.taken.append(message.header), put(message, info)))

    def film(self, frames: int) -> None:
        for _ in range(frames):
            self.sent.append(self.robot.stamped(self.robot.image(self.picture)))
            self.robot.camera.publish(self.sent[-1])
            self.robot.spin(0.03)

    def run(self) -> None:
        """Let the engine have three frames, with more of them coming than it can use."""
        self.film(1)
        self.robot.spin_until(lambda: self.begun == 1)
        self.film(3)
        self.robot.spin_until(lambda: self.robot.counts.overload == 2)
        self.go_on.release()
        self.robot.spin_until(lambda: self.begun == 2)
        self.film(FRAMES)
        self.go_on.release(100)
        self.robot.spin_until(lambda: any(
            message.header == self.sent[-1].header for message in self.robot.received['label']))
        self.robot.spin_until(lambda: sum((
            self.robot.counts.processed, self.robot.counts.overload)) == 4 + FRAMES)
        assert self.robot.counts.received == 4 + FRAMES


def test_frames_that_are_dropped_are_neither_taken_nor_lost_from_the_count(
        make_robot, picture, monkeypatch):
    robot = make_robot().start('label')
    overload = Overload(robot, picture, monkeypatch)
    overload.run()
    # The four before it was known, and the newest; under load the one before it may come first.
    assert 5 <= len(overload.taken) <= 6
    assert robot.counts.overload >= 2 + FRAMES - 2


def test_a_queue_that_the_user_made_deeper_is_read_to_the_newest(
        make_robot, picture, monkeypatch):
    robot = make_robot(**{'qos_overrides./image.subscription.depth': 5,
                          'qos_overrides./image.subscription.reliability': 'reliable'})
    robot.probe.destroy_publisher(robot.camera)
    robot.camera = robot.probe.create_publisher(Image, 'image', QoSProfile(depth=20))
    robot.start('label')
    assert robot.node._inputs[0].qos_profile.depth == 5
    overload = Overload(robot, picture, monkeypatch)
    overload.run()
    assert len(overload.taken) == 4 + FRAMES
