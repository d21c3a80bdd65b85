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
import time
from typing import NoReturn

HELP = """usage: perception_node [--cameras NAMESPACE ...]
       [--ros-args [-p NAME:=VALUE] [--params-file FILE] [-r FROM:=TO]]

Label camera images and say where they show none of the known classes.
With --cameras, one node in each namespace; all of them share one loaded model and take turns.
Parameters: docs/parameters.md or, while it runs, "ros2 param describe /perception NAME".

Examples:
  perception_node --ros-args -r image:=/camera/image_raw -p operating_point:=fpr1
  perception_node --cameras /front /rear --ros-args -r image:=image_raw"""

LAST_RESORT = 1.8
"""Seconds after a signal at which the process ends wherever it is."""

SPIN_TIMEOUT = 0.25
"""Seconds after which the executor looks for a signal."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the node until SIGINT or SIGTERM, then end the process.

    Exit code: 0 after a signal; 1 if it started by itself (autostart) and its engine failed while
    running, or if it hung and engine_hang is exit, so that launch's use_respawn decides; 2 if its
    arguments cannot be used. With the parameter build_only: 0 where the engine is ready, else 1.
    """
    if {'-h', '--help'} & set(sys.argv[1:] if args is None else args):
        print(HELP)
        sys.exit(0)
    stop = threading.Event()
    # The imports take a while, and until they are done there is nothing to clean up.
    on_signal(lambda: os._exit(0))
    import hybrid_perception.ros.segmentation_node  # noqa: F401

    on_signal(stop.set)
    end_at_last()
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


def end_at_last() -> None:
    """End the process `LAST_RESORT` after a signal, also where the main thread is stuck.

    What was being written is lost whole: files are put in their place when they are complete.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    # Written to by the interpreter's own handler, which needs no thread that is free.
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def wait() -> None:
        os.read(read, 1)
        time.sleep(LAST_RESORT)
        os._exit(0)

    threading.Thread(target=wait, name='last resort', daemon=True).start()


def _run(args: Sequence[str] | None, stop: threading.Event) -> int:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions
    from rclpy.utilities import remove_ros_args

    from hybrid_perception.ros.freed_memory import keep_freed_memory
    from hybrid_perception.ros.loaded_model import Sharing
    from hybrid_perception.ros.segmentation_node import SegmentationNode

    nodes: list[SegmentationNode] = []
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        sharing = Sharing()
        for namespace in cameras(remove_ros_args(sys.argv if args is None else ['', *args])[1:]):
            nodes.append(SegmentationNode(stop=stop, sharing=sharing, namespace=namespace))
    except Exception as error:  # bad ROS arguments, unreadable parameter file, wrong name
        print(f'perception_node: cannot start: {error}', file=sys.stderr)
        return 2
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    try:
        # Discovery, services and diagnostics are there before the long work of configure.
        executor.spin_once(timeout_sec=0.0)
        if any(node.parameters.build_only for node in nodes):
            return 0 if all(node.build_only() for node in nodes) else 1
        for node in nodes:
            if not stop.is_set():
                node.autostart()
        # After that, so that what loading the model has freed is given back.
        keep_freed_memory()
        while not stop.is_set() and not any(
                node.hung or (node.failed and node.parameters.autostart) for node in nodes):
            executor.spin_once(timeout_sec=SPIN_TIMEOUT)
        failed = any(node.failed or node.hung for node in nodes)
        return 1 if failed and not stop.is_set() else 0
    finally:
        for node in nodes:
            executor.remove_node(node)
            node.close()
        executor.shutdown()
        rclpy.try_shutdown()


def cameras(args: Sequence[str]) -> list[str]:
    """Read the command line without its ROS part; return the namespace of every node.

    Raises:
        ValueError: an unknown argument, no namespace, or the same one twice.
    """
    if not args:
        return ['']
    if args[0] != '--cameras':
        raise ValueError(f'unknown argument {args[0]!r}; see --help')
    namespaces = list(args[1:])
    if not namespaces or any(not name or name.startswith('-') for name in namespaces):
        raise ValueError(f'--cameras wants the namespace of each camera, got {namespaces}')
    if len({name.strip('/') for name in namespaces}) < len(namespaces):
        raise ValueError(f'--cameras names a namespace twice: {" ".join(namespaces)}')
    return namespaces


if __name__ == '__main__':
    main()
