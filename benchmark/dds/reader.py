# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A reader process: notes when each message came, and how old its stamp then was."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
import signal
import time
from typing import Any, TextIO

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image


def main() -> None:
    """Read until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topics', nargs='+')
    parser.add_argument('--log', type=Path, required=True,
                        help='CSV: number of the topic, received (ns), age (ns)')
    parser.add_argument('--best-effort', action='store_true')
    parser.add_argument('--compressed', action='store_true')
    options = parser.parse_args()
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT if options.best_effort
                     else ReliabilityPolicy.RELIABLE)
    kind = CompressedImage if options.compressed else Image
    read_until_stopped('reader', options.topics, kind, qos, options.log, note)


def read_until_stopped(
    name: str, topics: Sequence[str], kind: type, qos: QoSProfile | int, path: Path,
    note: Callable[[int, TextIO, Any], None],
) -> None:
    """Write a line for each message of some topics, until SIGINT or SIGTERM.

    Args:
        name: of the node.
        topics: to read.
        kind: their message type.
        qos: of the subscriptions.
        path: file of the lines.
        note: writes the line; takes the number of the topic, the file and the message.
    """
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: stop.append(caught))
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    node = Node(name)
    with path.open('w', encoding='ascii', buffering=1) as log:
        for index, topic in enumerate(topics):
            node.create_subscription(kind, topic, partial(note, index, log), qos)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop:
            executor.spin_once(timeout_sec=0.1)
    rclpy.try_shutdown()


def note(index: int, log: TextIO, message: Image | CompressedImage) -> None:
    """Write one line."""
    now = time.time_ns()
    stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
    print(f'{index},{now},{now - stamp}', file=log)


if __name__ == '__main__':
    main()
