# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The latched topic that says which id is which class."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from hybrid_perception.labels import ClassMap
from hybrid_perception.ros.messages import label_info_msg, label_info_type
from hybrid_perception.ros.qos import latched_qos, overridable


class LabelInfoPublisher:
    """Publisher of ~/label_info; does nothing where vision_msgs is not installed."""

    def __init__(
        self, node: LifecycleNode, class_map: ClassMap, threshold: Callable[[], float],
        period: float,
    ) -> None:
        """Advertise the topic; it is repeated every `period` seconds, or not at all for 0."""
        self._node = node
        self._class_map = class_map
        self._threshold = threshold
        self._publisher = None
        self._timer = None
        message_type = label_info_type()
        if message_type is None:
            node.get_logger().info(
                'vision_msgs is not installed: ~/label_info and ~/objects are not published '
                '(apt: ros-<distro>-vision-msgs)')
            return
        self._publisher = node.create_lifecycle_publisher(
            message_type, '~/label_info', latched_qos(), qos_overriding_options=overridable())
        if period > 0.0:
            self._timer = node.create_timer(
                period, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publish classes and active threshold, unless the node is inactive."""
        if self._publisher is None or not self._publisher.is_activated:
            return
        header = Header(stamp=self._node.get_clock().now().to_msg())
        self._publisher.publish(label_info_msg(self._class_map, self._threshold(), header))

    def destroy(self) -> None:
        """Withdraw the topic."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        if self._publisher is not None:
            self._node.destroy_lifecycle_publisher(self._publisher)
        self._timer = self._publisher = None
