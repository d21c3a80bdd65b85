# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Graphs in the making, run by ONNX Runtime."""

from __future__ import annotations

from typing import Any

import onnx

from hybrid_perception.backends.cores import usable_cores


def open_graph(model: onnx.ModelProto) -> Any:
    """Open an `onnxruntime.InferenceSession` on every core that this process may use."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider'])
