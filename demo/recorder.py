# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Subscribe to the node's outputs, as any other node would, and keep what came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

DTYPES = {'mono8': (np.uint8, 1), 'rgb8': (np.uint8, 3), '32FC1': (np.float32, 1)}
SMALL_WIDTH = 480
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90]


@dataclass
class Answer:
    """What the node said about one frame.

    Attributes:
        latency: Seconds from the camera's stamp to the arrival of the open-set label.
        open_set_label: (H, W) uint8; kept only with ground truth.
        anomaly_score: (H, W) float32; reduced to a width of 480 without ground truth.
        overlay: JPEG file.
    """

    latency: float = math.nan
    open_set_label: NDArray[np.uint8] | None = None
    anomaly_score: NDArray[np.float32] | None = None
    overlay: bytes = b''


def array_from_msg(msg: Image) -> NDArray[Any]:
    """Turn an output image into an array (H, W) or (H, W, 3), honouring its row step."""
    dtype, channels = DTYPES[msg.encoding]
    rows = np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)
    pixels = np.ascontiguousarray(rows[:, :msg.width * channels * np.dtype(dtype).itemsize])
    array = pixels.view(dtype)
    return array.reshape(msg.height, msg.width, channels) if channels > 1 else array


class Recorder(Node):
    """Collect the answers of a perception node by the stamp of their frame."""

    def __init__(self, node_name: str, *, full: bool, limit: int) -> None:
        """Subscribe.

        Args:
            node_name: Name of the perception node.
            full: Keep labels and scores at their full size, for metrics.
            limit: Number of answers whose pictures are kept; all are counted.
        """
        super().__init__('demo_recorder')
        self.answers: dict[int, Answer] = {}
        self._full = full
        self._limit = limit
        self._readers = [
            self.create_subscription(Image, f'{node_name}/{topic}', callback, QoSProfile(depth=10))
            for topic, callback in (
                ('open_set_label', self._on(self._keep_label)),
                ('anomaly_score', self._on(self._keep_score)),
                ('overlay', self._on(self._keep_overlay)),
            )
        ]

    @property
    def received(self) -> list[Answer]:
        """Answers whose open-set label came, in the order of the frames."""
        return [answer for _, answer in sorted(self.answers.items())
                if not math.isnan(answer.latency)]

    def _on(self, keep: Callable[[Answer, Image], None]) -> Callable[[Image], None]:
        def callback(msg: Image) -> None:
            stamp = msg.header.stamp.sec * 10**9 + msg.header.stamp.nanosec
            answer = self.answers.setdefault(stamp, Answer())
            if keep == self._keep_label:
                answer.latency = (self.get_clock().now().nanoseconds - stamp) / 1e9
            if len(self.answers) <= self._limit:
                keep(answer, msg)

        return callback

    def _keep_label(self, answer: Answer, msg: Image) -> None:
        if self._full:
            answer.open_set_label = array_from_msg(msg).copy()

    def _keep_score(self, answer: Answer, msg: Image) -> None:
        score = array_from_msg(msg)
        if not self._full:
            height = round(msg.height * SMALL_WIDTH / msg.width)
            score = cv2.resize(score, (SMALL_WIDTH, height), interpolation=cv2.INTER_AREA)
        answer.anomaly_score = score.copy()

    def _keep_overlay(self, answer: Answer, msg: Image) -> None:
        bgr = cv2.cvtColor(array_from_msg(msg), cv2.COLOR_RGB2BGR)
        answer.overlay = cv2.imencode('.jpg', bgr, JPEG)[1].tobytes()
