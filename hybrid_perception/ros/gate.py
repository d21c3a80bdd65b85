# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Leaving frames unread in the middleware while the engine is at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode

_NUMBER = 'publication_sequence_number'
_NO_NUMBER = 2**64 - 1
"""RMW_MESSAGE_INFO_SEQUENCE_NUMBER_UNSUPPORTED."""


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
        several: whether more than one publisher was on the topic at the last frame.
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
        self.newest_only = self.overloaded = self.several = False

    def can_execute(self, entity: Any) -> bool:  # noqa: ARG002 (rclpy asks for each entity)
        """Say whether the executor may take a frame."""
        return self._open

    def missed(self, info: Mapping[str, Any]) -> int:
        """Return how many frames were left unread before the one that was taken now.

        Args:
            info: what rclpy tells about the frame.
        """
        number = info.get(_NUMBER)
        last, self._last = self._last, number
        was_shut, self._was_shut = self._was_shut, False
        publishers = self._node.count_publishers(self._topic)
        self.several = publishers > 1
        self._tells = (self.newest_only and number is not None and number != _NO_NUMBER
                       and publishers == 1)
        if not (was_shut and self._tells and last is not None):
            return 0
        return max(0, int(number or 0) - last - 1)   # a camera that started anew counts from 1

    def shut(self) -> bool:
        """Leave frames unread from now on, if they can be counted; return whether they are."""
        if self._tells and self.overloaded:
            self._was_shut, self._open = True, False
        return not self._open

    def open(self) -> None:
        """Take frames again."""
        if not self._open:
            self._open = True
            self._wake()
