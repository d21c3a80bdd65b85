# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A reader process of the node's times: notes each value."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
import signal
from typing import TextIO

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Float64


def main() -> None:
    """Read until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topics', nargs='+')
    parser.add_argument('--log', type=Path, required=True,
                        help='CSV: number of the topic, value (ms)')
    options = parser.parse_args()
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: stop.append(caught))
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    node = Node('times_reader')
    with options.log.open('w', encoding='ascii', buffering=1) as log:
        for index, topic in enumerate(options.topics):
            node.create_subscription(Float64, topic, partial(note, index, log), 10)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop:
            executor.spin_once(timeout_sec=0.1)
    rclpy.try_shutdown()


def note(index: int, log: TextIO, message: Float64) -> None:
    """Write one line."""
    print(f'{index},{message.data}', file=log)


if __name__ == '__main__':
    main()
