# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames on their way from the executor to the inference thread: the newest one only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
import time
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from hybrid_perception.latest import LatestSlot
from hybrid_perception.ros.gate import Gate
from hybrid_perception.ros.messages import seconds
from hybrid_perception.ros.statistics import FrameStatistics

TIME_JUMP = 1.0
"""Seconds by which stamps go back when a bag starts anew; less is mere reordering."""

SETTLE = 1.0
"""Seconds after that in which no frame is called late: /clock follows on a topic of its own."""


Put = Callable[[Any, Mapping[str, Any]], None]


def as_callback(put: Put) -> Callable[..., None]:
    """Return a subscription's callback that is given what rclpy tells about the message.

    Before rclpy 3.4, so on Humble, it is called with the message alone: then nothing is told.
    """
    if hasattr(Subscription, 'CallbackType'):
        return put
    return lambda message: put(message, {})


class Inbox:
    """One activation's intake.

    Attributes:
        gate: callback group that the subscription must have.
        waiting_since: seconds of the node's clock since which a frame waits.
    """

    def __init__(
        self, node: LifecycleNode, topic: str, statistics: FrameStatistics,
        *, on_jump: Callable[[], None], wake: Callable[[], None],
    ) -> None:
        """Start empty.

        Args:
            node: for its clock and its logger.
            topic: the resolved input topic.
            statistics: where frames are counted.
            on_jump: called by the executor when the stamps jump back.
            wake: lets the executor look anew at what it may take.
        """
        self._node = node
        self._topic = topic
        self._statistics = statistics
        self._on_jump = on_jump
        self._slot: LatestSlot[Image | CompressedImage] = LatestSlot()
        self._last_stamp = self._unsettled_until = 0.0
        self.gate = Gate(node, topic, wake)
        self.waiting_since = 0.0

    def put(self, message: Image | CompressedImage, info: Mapping[str, Any]) -> None:
        """Hand in a frame; the one that still waits is dropped. Called by the executor."""
        missed = self.gate.missed(info)
        stamp = seconds(message.header.stamp)
        # A stamp of 0 means that there is none, and several cameras have a clock each.
        if 0.0 < stamp < self._last_stamp - TIME_JUMP and not self.gate.several:
            self._node.get_logger().info(
                f'stamps of {self._topic} jumped back by {self._last_stamp - stamp:.1f} s: '
                'statistics start anew')
            self._on_jump()
            self._unsettled_until = time.monotonic() + SETTLE
        self._last_stamp = stamp or self._last_stamp
        self._statistics.receive(1 + missed)
        if self._slot.put(message) is None:
            self.waiting_since = self._turn_stamp(stamp)
        else:
            missed += 1
        self.gate.overloaded = missed > 0
        if missed:
            self._statistics.count('overload', missed)

    def wait(self, timeout: float) -> bool:
        """Wait for a frame, at most so many seconds; return whether one is there."""
        return self._slot.wait(timeout)

    def take(self) -> Image | CompressedImage | None:
        """Take the frame, if one is there."""
        return self._slot.get(timeout=0.0)

    @contextmanager
    def engine_at_work(self) -> Iterator[None]:
        """Leave new frames in the middleware, as far as they can be counted, in a `with` block."""
        if not self.gate.shut():
            yield
            return
        self._statistics.listen(listening=False)
        try:
            yield
        finally:
            self._statistics.listen(listening=True)
            self.gate.open()

    def forget(self) -> None:
        """Drop the frame that waits, because time jumped."""
        self._count_forgotten(self._slot.clear())
        self._last_stamp = self._unsettled_until = 0.0

    def close(self) -> None:
        """Take no more frames."""
        self._count_forgotten(self._slot.close())

    def _count_forgotten(self, message: Image | CompressedImage | None) -> None:
        if message is not None:
            self._statistics.count('forgotten')

    @property
    def settled(self) -> bool:
        """Whether stamps and the node's clock belong to the same run of a bag."""
        return time.monotonic() >= self._unsettled_until

    def _turn_stamp(self, stamp: float) -> float:
        """Return the time since which a frame waits: its stamp, if that can be true.

        A camera whose clock is off would otherwise always, or never, have the turn.
        """
        now = 1e-9 * float(self._node.get_clock().now().nanoseconds)
        return min(max(stamp, now - TIME_JUMP), now)
