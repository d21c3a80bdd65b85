# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Entry point of `perception_node`."""

from __future__ import annotations

from collections.abc import Sequence
import os
import signal
import sys
import threading

SPIN_TIMEOUT = 0.1
"""Seconds after which the executor looks for a signal."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Returns:
        0 after a signal; 1 if the node could not start, or if it started by itself (autostart) and
        its engine failed while running, so that launch's use_respawn decides what comes next.
    """
    stop = threading.Event()
    # Before the slow imports, so that a signal finds its handler from the start.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: _request_stop(stop, received))
    code = _run(args, stop)
    if any(thread.name in ('configure', 'inference') for thread in threading.enumerate()):
        # A thread inside an engine cannot be ended; do not wait for it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _request_stop(stop: threading.Event, number: int) -> None:
    stop.set()
    # A second signal ends the process the hard way.
    signal.signal(number, signal.SIG_DFL)


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
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        # Discovery, services and diagnostics are there before the long work of configure.
        executor.spin_once(timeout_sec=0.0)
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
    sys.exit(main())
