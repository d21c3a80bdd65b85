# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Entry point of `perception_node`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import gc
import os
import signal
import sys
import threading
from typing import NoReturn

HELP = """usage: perception_node [--ros-args [-p NAME:=VALUE] [--params-file FILE] [-r FROM:=TO]]

Label camera images and say where they show none of the known classes.
Parameters: docs/parameters.md or, while it runs, "ros2 param describe /perception NAME".

Example: perception_node --ros-args -r image:=/camera/image_raw -p operating_point:=fpr1"""

SPIN_TIMEOUT = 0.1
"""Seconds after which the executor looks for a signal."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the node until SIGINT or SIGTERM, then end the process.

    Exit code: 0 after a signal; 1 if it started by itself (autostart) and its engine failed while
    running, so that launch's use_respawn decides; 2 if its arguments cannot be used.
    """
    if {'-h', '--help'} & set(sys.argv[1:] if args is None else args):
        print(HELP)
        sys.exit(0)
    stop = threading.Event()
    # The imports take a while, and until they are done there is nothing to clean up.
    on_signal(lambda: os._exit(0))
    import hybrid_perception.ros.segmentation_node  # noqa: F401

    on_signal(stop.set)
    code = _run(args, stop)
    # rclpy closes its DDS entities when they are collected; then the node has left the graph.
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by return: a thread inside an engine cannot be ended, and unloading takes a while.
    os._exit(code)


def on_signal(action: Callable[[], None]) -> None:
    """Let SIGINT and SIGTERM do `action`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: action())


def _run(args: Sequence[str] | None, stop: threading.Event) -> int:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from hybrid_perception.ros.segmentation_node import SegmentationNode

    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = SegmentationNode(stop=stop)
    except Exception as error:  # bad ROS arguments, unreadable parameter file, wrong name
        print(f'perception_node: cannot start: {error}', file=sys.stderr)
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        # Discovery, services and diagnostics are there before the long work of configure.
        executor.spin_once(timeout_sec=0.0)
        if not stop.is_set():
            node.autostart()
        while not stop.is_set() and not (node.failed and node.parameters.autostart):
            executor.spin_once(timeout_sec=SPIN_TIMEOUT)
        return 1 if node.failed and not stop.is_set() else 0
    finally:
        executor.remove_node(node)
        node.close()
        executor.shutdown()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
