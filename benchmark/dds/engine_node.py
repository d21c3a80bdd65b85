# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The bare engine and the core by turns, once for each image that comes; the image is not used.

So they are timed between the same frames as the node, in caches that a camera has written to.
"""

from __future__ import annotations

import argparse
import contextlib
from itertools import cycle
from pathlib import Path
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float64

from benchmark.interleaved import noise
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.manifest import load_manifest
from hybrid_perception.segmentation import Segmenter

TOPICS = ('engine_ms', 'core_ms')


def main() -> None:
    """Run until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', type=Path, required=True)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--size', type=int, nargs=2, required=True, metavar=('H', 'W'))
    parser.add_argument('--compressed', action='store_true')
    options, ros = parser.parse_known_args()
    rclpy.init(args=ros)
    node = Node('engine')
    manifest = load_manifest(options.model)
    engine = OnnxRuntimeBackend(manifest, threads=options.threads)
    image, frame = noise((1, *manifest.input_size, 3)), noise((*options.size, 3))
    segmenter = Segmenter(manifest, engine)
    calls = (lambda: engine.infer(image), lambda: segmenter.segment(frame))
    for call in calls:
        call()
    turns = cycle(zip((node.create_publisher(Float64, f'~/{topic}', 2) for topic in TOPICS),
                      calls, strict=True))

    def answer(_: Image | CompressedImage) -> None:
        publisher, call = next(turns)
        start = time.monotonic()
        call()
        publisher.publish(Float64(data=1000 * (time.monotonic() - start)))

    qos = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)
    kind = CompressedImage if options.compressed else Image
    node.create_subscription(kind, 'image', answer, qos)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with contextlib.suppress(KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        executor.spin()


if __name__ == '__main__':
    main()
