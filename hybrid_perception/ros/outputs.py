# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node's outputs: who reads each, and publication in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Float64, Header

from hybrid_perception.labels import ClassMap
from hybrid_perception.ros.messages import (
    ReusedImage,
    detection_array_type,
    detections_msg,
    label_info_msg,
    label_info_type,
)
from hybrid_perception.ros.transport import latched_qos, output_qos, overridable
from hybrid_perception.scene import EXTRAS, IMAGES, LABELS, PICTURES, ImageOutput, Scene

CAMERA_INFO = 'camera_info'
OBJECTS = 'objects'
DEBUG = ('debug/processing_time_ms', 'debug/pipeline_latency_ms', 'debug/cyclic_time_ms')
STAGES = ('debug/waiting_time_ms', 'debug/decoding_time_ms', 'debug/inference_time_ms',
          'debug/output_time_ms')
"""What the pipeline latency is made of: the first until the frame is taken, the others after."""


class Outputs:
    """The publishers of a configured node."""

    def __init__(self, node: LifecycleNode) -> None:
        """Advertise every topic."""
        self._node = node
        types = {output.topic: Image for output in IMAGES}
        types[CAMERA_INFO] = CameraInfo
        types.update(dict.fromkeys((*DEBUG, *STAGES), Float64))
        detections = detection_array_type()
        if detections is not None:   # LabelInfoPublisher says so where it is
            types[OBJECTS] = detections
        self._publishers: dict[str, LifecyclePublisher] = {}
        self._messages = {output.topic: ReusedImage() for output in IMAGES}
        try:
            for topic, message_type in types.items():
                self._publishers[topic] = node.create_lifecycle_publisher(
                    message_type, f'~/{topic}', output_qos(),
                    qos_overriding_options=overridable())
        except Exception:  # such as a QoS override that is none
            self.destroy()
            raise

    def watched(self) -> Set[str]:
        """Return the topics that somebody reads now."""
        return {topic for topic, publisher in self._publishers.items()
                if publisher.get_subscription_count() > 0}

    def publish(
        self, scene: Scene, header: Header, camera_info: CameraInfo | None, watched: Set[str]
    ) -> None:
        """Publish what is watched of one frame under the frame's header; the data come first.

        All of it is made before any of it goes out, so that an error never leaves half a frame.
        """
        messages = self._images((*LABELS, *EXTRAS), scene, header, watched)
        if OBJECTS in watched:
            messages[OBJECTS] = detections_msg(
                scene.objects, scene.class_map.unknown_id, header)
        if camera_info is not None and CAMERA_INFO in watched:
            messages[CAMERA_INFO] = camera_info
        messages.update(self._images(PICTURES, scene, header, watched))
        for topic, message in messages.items():
            self._publishers[topic].publish(message)

    def _images(
        self, outputs: tuple[ImageOutput, ...], scene: Scene, header: Header, watched: Set[str]
    ) -> dict[str, Any]:
        return {output.topic: self._messages[output.topic].fill(
                    output.render(scene), header, output.encoding)
                for output in outputs if output.topic in watched}

    def publish_timing(self, watched: Set[str], times: Mapping[str, float | None]) -> None:
        """Publish what is watched of the times of one frame.

        Args:
            watched: topics that somebody reads.
            times: seconds by name of the topic without `debug/` and `_ms`; None where unknown.
        """
        for name, value in times.items():
            topic = f'debug/{name}_ms'
            if topic in watched and value is not None:
                self._publishers[topic].publish(Float64(data=1000.0 * value))

    def destroy(self) -> None:
        """Withdraw every topic."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers.clear()


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
