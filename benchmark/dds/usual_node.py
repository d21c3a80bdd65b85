# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A segmentation node of the usual kind: queue of ten, reliable, all work in the callback.

The same model and engine as ours, so that what differs is the node.
"""

from __future__ import annotations

import argparse
import contextlib

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.manifest import load_manifest


class UsualNode(Node):
    """Image in, label and score out."""

    def __init__(self, model: str, threads: int) -> None:
        super().__init__('usual')
        self._manifest = load_manifest(model)
        self._engine = OnnxRuntimeBackend(self._manifest, threads=threads)
        self._label = self.create_publisher(Image, '~/label', 10)
        self._score = self.create_publisher(Image, '~/anomaly_score', 10)
        self.create_subscription(Image, 'image', self._segment, 10)

    def _segment(self, message: Image) -> None:
        rgb = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        height, width = self._manifest.input_size
        label, score = self._engine.infer(cv2.resize(rgb, (width, height))[None])
        size = (message.width, message.height)
        label = cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)
        score = cv2.resize(score, size)
        for publisher, array, encoding in (
                (self._label, label, 'mono8'), (self._score, score, '32FC1')):
            output = Image(header=message.header, height=message.height, width=message.width,
                           encoding=encoding, step=array.strides[0])
            output.data = array.tobytes()
            publisher.publish(output)


def main() -> None:
    """Run until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', required=True)
    parser.add_argument('--threads', type=int, required=True)
    options, ros = parser.parse_known_args()
    rclpy.init(args=ros)
    with contextlib.suppress(KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        rclpy.spin(UsualNode(options.model, options.threads))


if __name__ == '__main__':
    main()
