# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The whole node in this process, fed by a camera that waits for each label."""

from __future__ import annotations

from pathlib import Path
import time

import numpy as np
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Float64

from hybrid_perception.ros.segmentation_node import SegmentationNode

PATIENCE = 60.0
"""Seconds that one answer may take."""


def measure_node(
    model: Path, frame: NDArray[np.uint8], frames: int, **parameters: object
) -> tuple[list[float], float]:
    """Let the node segment one picture many times.

    Args:
        model: what `model_path` names.
        frame: (H, W, 3) uint8 RGB that the camera sends.
        frames: how many answers are timed, after two that are not.
        parameters: of the node.

    Returns:
        Processing time of each frame as the node publishes it, ms, and frames a second.
    """
    context = Context()
    context.init()
    node = SegmentationNode(context=context, parameter_overrides=[
        Parameter(name, value=value)
        for name, value in {'model_path': str(model), **parameters}.items()])
    robot = Node('latency_robot', context=context)
    executor = SingleThreadedExecutor(context=context)
    for each in (node, robot):
        executor.add_node(each)
    labels: list[Image] = []
    scores: list[Image] = []
    times: list[float] = []
    for kind, topic, keep in ((Image, 'label', labels.append),
                              (Image, 'anomaly_score', scores.append)):
        robot.create_subscription(kind, f'/perception/{topic}', keep, 5)
    robot.create_subscription(
        Float64, '/perception/debug/processing_time_ms', lambda m: times.append(m.data), 5)
    camera = robot.create_publisher(Image, 'image', qos_profile_sensor_data)
    message = Image(height=frame.shape[0], width=frame.shape[1], encoding='rgb8',
                    step=3 * frame.shape[1])
    message.data.frombytes(np.ascontiguousarray(frame).tobytes())
    try:
        assert node.trigger_configure().name == 'SUCCESS', node.fault
        assert node.trigger_activate().name == 'SUCCESS', node.fault
        begun = time.monotonic()
        while len(times) < frames + 2:
            seen, sent = len(times), time.monotonic()
            message.header.stamp = robot.get_clock().now().to_msg()
            camera.publish(message)
            # Sent again after a while: the first ones go before the ends have found each other.
            while len(times) == seen and time.monotonic() - sent < 1.0:
                executor.spin_once(timeout_sec=0.05)
            assert time.monotonic() - begun < PATIENCE + frames, node.fault or 'no answer came'
            if len(times) <= 2:
                started = time.monotonic()
        seconds = time.monotonic() - started
        assert labels
        assert scores
        return times[2:], (len(times) - 2) / seconds
    finally:
        for each in (node, robot):
            executor.remove_node(each)
        node.close()
        robot.destroy_node()
        executor.shutdown()
        context.try_shutdown()
