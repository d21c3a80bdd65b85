# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The floor of any rclpy node: takes an image and sends as many bytes as ours, made of nothing.

A JPEG it decodes, as any node must that looks at the picture.
"""

from __future__ import annotations

import argparse
import contextlib
import time

import cv2
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float64

OUTPUTS = (('label', 'mono8', 1), ('open_set_mask', 'mono8', 1), ('anomaly_score', '32FC1', 4))
"""Topic, encoding and bytes per pixel, as of the node's."""


class EchoNode(Node):
    """Answers each frame with blank outputs of the right size."""

    def __init__(self, size: tuple[int, int], outputs: int, *, compressed: bool) -> None:
        super().__init__('echo')
        height, width = size
        self._outputs = []
        for topic, encoding, depth in OUTPUTS[:outputs]:
            blank = Image(height=height, width=width, encoding=encoding, step=depth * width)
            array = np.zeros(height * width * depth, np.uint8)
            self._outputs.append((
                self.create_publisher(Image, f'~/{topic}', QoSProfile(depth=2)), blank, array))
        self._time = self.create_publisher(Float64, '~/debug/processing_time_ms', 2)
        qos = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)
        self.create_subscription(
            CompressedImage if compressed else Image, 'image', self._answer, qos)

    def _answer(self, message: Image | CompressedImage) -> None:
        start = time.monotonic()
        if isinstance(message, CompressedImage):
            cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
        for publisher, blank, array in self._outputs:
            output = Image(header=message.header, height=blank.height, width=blank.width,
                           encoding=blank.encoding, step=blank.step)
            output.data.frombytes(array)
            publisher.publish(output)
        self._time.publish(Float64(data=1000 * (time.monotonic() - start)))


def main() -> None:
    """Run until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, nargs=2, required=True, metavar=('H', 'W'))
    parser.add_argument('--outputs', type=int, choices=(1, 2, 3), default=3)
    parser.add_argument('--compressed', action='store_true')
    options, ros = parser.parse_known_args()
    rclpy.init(args=ros)
    executor = SingleThreadedExecutor()
    executor.add_node(EchoNode(
        tuple(options.size), options.outputs, compressed=options.compressed))
    with contextlib.suppress(KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        executor.spin()


if __name__ == '__main__':
    main()
