# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Plays a recording over DDS with the timing in which it was recorded, as `ros2 bag play` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
import threading
import time

from builtin_interfaces.msg import Time as TimeMsg
import rclpy
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.message import CAMERA_INFO_TYPE
from hybrid_perception.replay.overlap import overlap
from hybrid_perception.replay.playback import Playback, Unplayable
from hybrid_perception.replay.timeline import NANOSECONDS, Cue, cues
from hybrid_perception.ros.transport import choose_transport_profile, overridable

MESSAGE_TYPES = {
    'sensor_msgs/msg/Image': Image,
    'sensor_msgs/msg/CompressedImage': CompressedImage,
    CAMERA_INFO_TYPE: CameraInfo,
}
AHEAD = 4
"""Messages that are read before they are due, so that the disk does not delay them."""

POLL = 0.05
"""Seconds after which it is looked whether somebody subscribed meanwhile."""

SETTLE = 1.5
"""Seconds until a reader that we see has seen us as well."""

STALL = 0.1
"""Seconds of lateness from which on all that follows is put off: sent in a burst instead, most of
it would be lost on readers that take the newest image only."""

LINGER = 1.0
"""Seconds in which the last image is taken out of our shared memory."""


@dataclass(frozen=True)
class PlaySettings:
    """How a recording is played.

    Attributes:
        rate: speed; 1 as recorded.
        laps: how often; 0 for endlessly.
        start: seconds of the recording that are left out at the beginning of each lap.
        clock: rate of /clock in Hz; 0 for none.
        wait: seconds to wait for a reader of a camera topic before the first message; 0 for not.
        reliable: publish reliably, and not best effort as cameras do.
    """

    rate: float = 1.0
    laps: int = 1
    start: float = 0.0
    clock: float = 0.0
    wait: float = 0.0
    reliable: bool = False


@dataclass
class PlayReport:
    """What was played.

    Attributes:
        sent: number of messages by topic.
        laps: laps that were begun.
        latest: seconds by which the latest message was late.
        held_up: seconds by which playing was put off in all, because this process was held up.
        heard: whether somebody had subscribed to a camera topic when playing began.
        unplayable: what could not be sent, and why.
    """

    sent: Counter[str] = field(default_factory=Counter)
    laps: int = 0
    latest: float = 0.0
    held_up: float = 0.0
    heard: bool = False
    unplayable: list[str] = field(default_factory=list)


class Player:
    """Publishes the messages of a recording, unchanged, when they are due."""

    def __init__(
        self, node: Node, playback: Playback, settings: PlaySettings, stop: threading.Event
    ) -> None:
        """Advertise the topics.

        Args:
            node: its publishers are used; it need not be spun.
            playback: the recording.
            settings: how to play it.
            stop: ends playing when it is set.
        """
        self._playback = playback
        self._settings = settings
        self._stop = stop
        qos = _sensor_qos(reliable=settings.reliable)
        self._publishers = {
            topic: node.create_publisher(
                MESSAGE_TYPES[type_], topic, qos, qos_overriding_options=overridable())
            for topic, type_ in playback.topics.items()}
        self._cameras = [self._publishers[topic] for topic, type_ in playback.topics.items()
                         if type_ != CAMERA_INFO_TYPE]
        self._clock = node.create_publisher(Clock, '/clock', 10) if settings.clock else None
        self._next_tick = 0.0
        self._shown = (0, 0.0)

    def run(self) -> PlayReport:
        """Play until the end, or until ``stop`` is set.

        Raises:
            ParameterError: The recording is damaged, or there is nothing to play.
        """
        settings, report = self._settings, PlayReport()
        timeline = overlap(
            cues(self._playback.messages, rate=settings.rate, laps=settings.laps,
                 start=settings.start), depth=AHEAD)
        with closing(timeline):
            self._play(timeline, report)
        self._stop.wait(LINGER)
        return report

    def _play(self, timeline: Iterator[Cue | Unplayable], report: PlayReport) -> None:
        begun: float | None = None
        for cue in timeline:
            if isinstance(cue, Unplayable):
                report.unplayable.append(cue.reason)
                continue
            topic, log_time, content = cue.message
            if begun is None:
                report.heard = self._wait_for_reader(log_time)
                begun = time.monotonic()
            if not self._wait_until(begun + cue.due, log_time):
                return
            late = time.monotonic() - begun - cue.due
            report.latest = max(report.latest, late)
            if late > STALL:
                begun += late
                report.held_up += late
            self._show_time(log_time)
            self._publishers[topic].publish(content)
            report.sent[topic] += 1
            report.laps = cue.lap + 1

    def _wait_for_reader(self, log_time: int) -> bool:
        """Wait until a camera has a reader; simulated time stands still meanwhile."""
        end = time.monotonic() + self._settings.wait
        while not (heard := any(camera.get_subscription_count() for camera in self._cameras)):
            left = end - time.monotonic()
            if left <= 0 or self._stop.wait(min(left, POLL)):
                return False
            self._show_time(log_time)
        if self._settings.wait:
            self._stop.wait(SETTLE)
        return heard

    def _wait_until(self, due: float, log_time: int) -> bool:
        """Wait, with simulated time going on; return whether playing should go on too.

        However late this thread wakes up, time does not run past the next message.
        """
        while (left := due - time.monotonic()) > 0:
            if self._clock is not None:
                left = min(left, max(0.0, self._next_tick - time.monotonic()))
            if self._stop.wait(left):
                return False
            if self._clock is not None and time.monotonic() >= self._next_tick:
                shown, shown_at = self._shown
                passed = (time.monotonic() - shown_at) * self._settings.rate
                now = shown + round(passed * NANOSECONDS)
                # The next lap's first message lies in the past; time runs on until it comes.
                self._tick(min(now, log_time) if log_time >= shown else now)
        return not self._stop.is_set()

    def _show_time(self, log_time: int) -> None:
        """Set simulated time to that of the recording; it runs on from there."""
        self._shown = (log_time, time.monotonic())
        self._tick(log_time)

    def _tick(self, nanoseconds: int) -> None:
        if self._clock is None:
            return
        self._next_tick = time.monotonic() + 1.0 / self._settings.clock
        sec, nanosec = divmod(nanoseconds, NANOSECONDS)
        self._clock.publish(Clock(clock=TimeMsg(sec=sec, nanosec=nanosec)))


def _sensor_qos(*, reliable: bool) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=5,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT)


NODE_NAME = 'recording_player'


def play(
    playback: Playback, settings: PlaySettings, stop: threading.Event,
    ros_args: Sequence[str] = (),
) -> PlayReport:
    """Play a recording.

    Args:
        playback: the recording.
        settings: how to play it.
        stop: ends playing when it is set.
        ros_args: remaps and parameters, as they stand behind --ros-args.

    Raises:
        ParameterError: The recording or the ROS arguments cannot be used.
    """
    choose_transport_profile()
    try:
        rclpy.init(args=['--ros-args', *ros_args] if ros_args else [],
                   signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rclpy's own types, and RuntimeError
        raise ParameterError(f'--ros-args {" ".join(ros_args)}: {error}') from error
    try:
        node = Node(NODE_NAME)
        try:
            return Player(node, playback, settings, stop).run()
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()
