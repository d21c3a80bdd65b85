# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A camera process: noise of one size at one rate, stamped when it is sent, to topics in turn."""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image


def main() -> None:
    """Publish until the time is over; prints how many frames each topic got."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topics', nargs='+', help='each frame goes to the next one')
    parser.add_argument('--size', type=int, nargs=2, default=(720, 1280), metavar=('H', 'W'))
    parser.add_argument('--rate', type=float, default=30.0, help='frames a second, of all topics')
    parser.add_argument('--seconds', type=float, default=5.0)
    parser.add_argument('--readers', type=int, default=1, help='to wait for, on each topic')
    parser.add_argument('--compressed', action='store_true', help='JPEG')
    parser.add_argument('--reliable', action='store_true')
    parser.add_argument('--all', action='store_true', help='every frame goes to every topic')
    options = parser.parse_args()
    rclpy.init()
    node = Node('camera')
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE if options.reliable
                     else ReliabilityPolicy.BEST_EFFORT)
    kind = CompressedImage if options.compressed else Image
    publishers = [node.create_publisher(kind, topic, qos) for topic in options.topics]
    while any(p.get_subscription_count() < options.readers for p in publishers):
        time.sleep(0.02)
    time.sleep(1.5)  # we know the readers, but they may not know us yet
    film(node, publishers, frame(options), options)
    time.sleep(1.0)  # the last one lies in our shared memory until it is read
    rclpy.try_shutdown()


def frame(options: argparse.Namespace) -> bytes:
    """Return the pixels, or a JPEG of a picture with some detail in it."""
    height, width = options.size
    pixels = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    if options.compressed:
        return cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    return pixels.tobytes()


def film(node: Node, publishers: list, data: bytes, options: argparse.Namespace) -> None:
    """Publish at the rate; a beat that is missed is left out."""
    height, width = options.size
    begun, beat, sent = time.monotonic(), 0, [0] * len(publishers)
    while (now := time.monotonic()) - begun < options.seconds:
        due = begun + beat / options.rate
        if now < due:
            time.sleep(due - now)
        chosen = range(len(publishers)) if options.all else [beat % len(publishers)]
        for index in chosen:
            if options.compressed:
                message = CompressedImage(format='rgb8; jpeg compressed bgr8')
            else:
                message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
            message.data.frombytes(data)
            message.header.stamp = node.get_clock().now().to_msg()
            publishers[index].publish(message)
            sent[index] += 1
        beat = max(beat + 1, int((time.monotonic() - begun) * options.rate))
    print(' '.join(map(str, sent)), flush=True)


if __name__ == '__main__':
    main()
