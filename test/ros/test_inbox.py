# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The intake of frames: what is a jump of time, and where every frame is counted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sensor_msgs.msg import Image

from hybrid_perception.ros.inbox import Inbox
from hybrid_perception.ros.statistics import FrameStatistics

NOW = 1_700_000_000


publishers = [1]


@pytest.fixture
def node():
    return SimpleNamespace(
        count_publishers=lambda _: publishers[0],
        get_logger=lambda: SimpleNamespace(info=lambda text: None),
        get_clock=lambda: SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=NOW * 10**9)))


@pytest.fixture
def statistics():
    return FrameStatistics()


@pytest.fixture
def jumps():
    return []


@pytest.fixture
def inbox(node, statistics, jumps):
    publishers[0] = 1
    made = Inbox(node, '/image', statistics, wake=lambda: None,
                 on_jump=lambda: (jumps.append(1), made.forget()))
    return made


def frame(stamp: float) -> Image:
    message = Image()
    message.header.stamp.sec = int(stamp)
    message.header.stamp.nanosec = round(stamp % 1 * 10**9)
    return message


def accounted(statistics: FrameStatistics, waiting: int = 0) -> bool:
    counts = statistics.counts
    return counts.received == waiting + (
        counts.processed + counts.overload + counts.late + counts.bad + counts.unread
        + counts.forgotten)


def test_a_stamp_of_zero_is_no_stamp_and_no_jump(inbox, statistics, jumps):
    for stamp in (NOW, 0, NOW + 0.1, 0, NOW + 0.2):
        inbox.put(frame(stamp), {})
    assert jumps == []
    assert inbox.settled
    assert accounted(statistics, waiting=1)


def test_reordering_is_no_jump_and_a_bag_that_starts_anew_is(inbox, statistics, jumps):
    for stamp in (NOW, NOW + 0.1, NOW + 0.09, NOW + 0.2):
        inbox.put(frame(stamp), {})
    assert (jumps, inbox.settled) == ([], True)
    inbox.put(frame(NOW - 20), {})
    assert (jumps, inbox.settled) == ([1], False)
    assert statistics.counts.forgotten == 1, 'the frame that waited'
    assert accounted(statistics, waiting=1)


def test_two_cameras_whose_clocks_differ_make_no_jumps(inbox, statistics, jumps):
    publishers[0] = 2
    for number in range(10):
        inbox.put(frame(NOW + 0.1 * number - 2 * (number % 2)), {})
    assert (jumps, inbox.settled) == ([], True)
    assert accounted(statistics, waiting=1)


def test_the_frame_that_waits_at_the_end_is_counted(inbox, statistics):
    for number in range(3):
        inbox.put(frame(NOW + number), {})
    inbox.close()
    assert statistics.counts.forgotten == 1
    assert accounted(statistics)
    inbox.put(frame(NOW + 9), {})
    assert accounted(statistics), 'one that still comes is dropped'


def test_a_frame_that_was_taken_is_not_counted_twice(inbox, statistics):
    inbox.put(frame(NOW), {})
    assert inbox.take() is not None
    inbox.forget()
    inbox.close()
    assert statistics.counts.forgotten == 0
