# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The measurement that `make test-gpu` takes of the whole node, on the CPU: it measures."""

from __future__ import annotations

from node_latency import measure_node
import numpy as np


def test_each_frame_is_timed(tiny_model):
    times, rate = measure_node(
        tiny_model, np.full((48, 96, 3), 200, np.uint8), 5, backend='onnxruntime')
    assert len(times) >= 5
    assert all(0 < milliseconds < 1e5 for milliseconds in times)
    assert rate > 0
