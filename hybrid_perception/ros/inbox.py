# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames on their way from the middleware to the inference thread: the newest one only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
import time
from typing import Any, NamedTuple

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from hybrid_perception.latest import LatestSlot
from hybrid_perception.ros.messages import seconds
from hybrid_perception.ros.statistics import FrameStatistics
from hybrid_perception.timing import TIME_JUMP

SETTLE = 1.0
"""Seconds of grace after stamps jumped back, for /clock, which follows on a topic of its own."""

MIXED = 10.0
"""Seconds for which stamps that went back and forth are expected to go on so."""

_NUMBER = 'publication_sequence_number'
_NO_NUMBER = 2**64 - 1
"""RMW_MESSAGE_INFO_SEQUENCE_NUMBER_UNSUPPORTED."""


Put = Callable[[Any, Mapping[str, Any]], None]


def as_callback(put: Put) -> Callable[..., None]:
    """Return a subscription's callback that is given what rclpy tells about the message.

    Before rclpy 3.4, so on Humble, it is called with the message alone: then nothing is told.
    """
    if hasattr(Subscription, 'CallbackType'):
        return put
    return lambda message: put(message, {})


class Missed(NamedTuple):
    """Frames between the one taken now and the one before.

    Attributes:
        unread: left in the middleware on purpose.
        lost: the others: lost by the transport, or replaced while the executor was busy.
    """

    unread: int = 0
    lost: int = 0


class Gate(ReentrantCallbackGroup):
    """The callback group of the camera's subscription: shut, the executor takes no frame.

    To take a frame that will be dropped costs rclpy three copies of it. Left in the middleware,
    whose queue is one deep, it is replaced by the next one, and the gap in the publisher's
    numbers says how many were. Where gaps do not tell, the gate never shuts: with ROS 2 Humble,
    with a middleware that has no numbers, and with several publishers on the topic. Nor does it
    while no frame is dropped: to wake the executor costs something too.

    Frames that the transport loses while the gate is shut are counted with the others.

    Attributes:
        newest_only: whether the subscription's queue is one deep; a deeper one would give the
            oldest frames first.
        overloaded: whether a frame was dropped for the one that came last.
    """

    def __init__(self, node: LifecycleNode, topic: str, wake: Callable[[], None]) -> None:
        """Start open.

        Args:
            node: of the subscription.
            topic: that is subscribed to.
            wake: lets the executor look anew at what it may take; called by any thread.
        """
        super().__init__()
        self._node = node
        self._topic = topic
        self._wake = wake
        self._open = True
        self._was_shut = self._tells = False
        self._last: int | None = None
        self.newest_only = self.overloaded = False

    def can_execute(self, entity: Any) -> bool:  # noqa: ARG002 (rclpy asks for each entity)
        """Say whether the executor may take a frame."""
        return self._open

    def missed(self, info: Mapping[str, Any]) -> Missed:
        """Count the frames that were sent between the last one and the one that was taken now.

        Args:
            info: what rclpy tells about the frame.
        """
        number = info.get(_NUMBER)
        told, was_shut, last = self._tells, self._was_shut, self._last
        self._last, self._was_shut = number, False
        self._tells = (number is not None and number != _NO_NUMBER
                       and self._node.count_publishers(self._topic) == 1)
        if not (told and self._tells) or last is None:
            return Missed()
        gap = max(0, int(number or 0) - last - 1)   # a camera that started anew counts from 1
        return Missed(unread=gap) if was_shut else Missed(lost=gap)

    def shut(self) -> bool:
        """Leave frames unread from now on, if they can be counted; return whether they are."""
        if self._tells and self.newest_only and self.overloaded:
            self._was_shut, self._open = True, False
        return not self._open

    def open(self) -> None:
        """Take frames again."""
        if not self._open:
            self._open = True
            self._wake()


class StampWatch:
    """Tells a recording that starts anew from two clocks on one topic.

    After the one, stamps go on from where they went back to. With the other they soon leap
    forward again, to where they were before.
    """

    def __init__(self) -> None:
        """Start without a stamp."""
        self._last: tuple[float, float] | None = None
        self._fell: tuple[float, float] = (0.0, -MIXED)
        self._mixed_until = 0.0
        self.step = 0.0

    def jumped(self, stamp: float, now: float) -> bool:
        """Look at the next stamp; return whether time jumped back with it.

        Args:
            stamp: of the frame, s; 0, which is not stamped, tells nothing.
            now: s of a clock that does not jump.
        """
        if not stamp:
            return False
        last, self._last = self._last, (stamp, now)
        if last is None:
            return False
        self.step, elapsed = stamp - last[0], now - last[1]
        if self.step < -TIME_JUMP:
            self._fell = last[0], now
            return not self.mixed(now)
        leaps = self.step > TIME_JUMP + 2 * elapsed
        if leaps and stamp > self._fell[0] - TIME_JUMP and now < self._fell[1] + MIXED:
            self._mixed_until = now + MIXED
        return False

    def mixed(self, now: float) -> bool:
        """Return whether the stamps come from clocks that disagree."""
        return now < self._mixed_until

    def forget(self) -> None:
        """Expect any stamp next."""
        self._last = None


class Frame(NamedTuple):
    """A frame and the moment it was taken, in seconds of the monotonic clock."""

    message: Image | CompressedImage
    taken: float


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
        self._slot: LatestSlot[Frame] = LatestSlot()
        self._stamps = StampWatch()
        self._unsettled_until = 0.0
        self.gate = Gate(node, topic, wake)
        self.waiting_since = 0.0

    def put(self, message: Image | CompressedImage, info: Mapping[str, Any]) -> None:
        """Hand in a frame; the one that still waits is dropped. Called by the executor."""
        missed = self.gate.missed(info)
        now, stamp = time.monotonic(), seconds(message.header.stamp)
        # Counted before the inference thread can see it, so that no count is ever ahead of this.
        self._statistics.receive(
            1 + missed.unread + missed.lost, overload=missed.unread, lost=missed.lost)
        # Two publishers are two clocks, however well they agree otherwise.
        if self._stamps.jumped(stamp, now) and self._node.count_publishers(self._topic) < 2:
            self._node.get_logger().info(
                f'stamps of {self._topic} jumped back by {-self._stamps.step:.1f} s: '
                'statistics start anew')
            self._forgotten(self._slot.clear())
            self._on_jump()
            # The system's clock does not follow, so there is nothing to wait for.
            self._unsettled_until = (
                now + SETTLE if self._node.get_clock().ros_time_is_active else 0.0)
        frame = Frame(message, now)
        dropped = self._slot.put(frame)
        if dropped is frame:   # closed meanwhile
            self._statistics.settle('forgotten')
        elif dropped is not None:
            self._statistics.settle('overload')
        else:
            self.waiting_since = self._turn_stamp(stamp)
        self.gate.overloaded = missed.unread > 0 or dropped is not None

    def wait(self, timeout: float) -> bool:
        """Wait for a frame, at most so many seconds; return whether one is there."""
        return self._slot.wait(timeout)

    def take(self) -> Frame | None:
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
        self._forgotten(self._slot.clear())
        self._stamps.forget()
        self._unsettled_until = 0.0

    def take_rest(self, subscription: Subscription) -> None:
        """Take what was left in the middleware, so that it is counted. Called by the executor."""
        if self.gate.can_execute(subscription):
            return
        with subscription.handle:
            found = subscription.handle.take_message(subscription.msg_type, False)
        if found is not None:
            self.put(*found)

    def close(self) -> None:
        """Take no more frames."""
        self._forgotten(self._slot.close())

    def _forgotten(self, waiting: Frame | None) -> None:
        if waiting is not None:
            self._statistics.settle('forgotten')

    @property
    def settled(self) -> bool:
        """Whether stamps and the node's clock belong to the same run of a bag."""
        return time.monotonic() >= self._unsettled_until

    @property
    def mixed_clocks(self) -> bool:
        """Whether stamps go back and forth, as those of two clocks do."""
        return self._stamps.mixed(time.monotonic())

    def _turn_stamp(self, stamp: float) -> float:
        """Return the time since which a frame waits: its stamp, if that can be true.

        A camera whose clock is off would otherwise always, or never, have the turn.
        """
        now = 1e-9 * float(self._node.get_clock().now().nanoseconds)
        return min(max(stamp, now - TIME_JUMP), now)
