# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Steps of int8 activations, chosen on calibration pictures for the least squared error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
import onnx
from onnx import TensorProto, helper

from hybrid_training.export.quantization import LEVELS
from hybrid_training.export.session import open_graph

BINS = 2048
SHARES = np.linspace(0.2, 1.0, 81)
"""Ends of the int8 range that are tried, as shares of the largest magnitude seen."""

SAMPLES = 1 << 18
"""Values of a tensor that are counted per picture; more do not change the histogram's shape."""


def activation_scales(
        model: onnx.ModelProto, tensors: Sequence[str], pictures: Iterable[NDArray[np.uint8]],
) -> dict[str, float]:
    """Choose the step of each tensor.

    Args:
        model: the fp32 graph with one input.
        tensors: names inside the graph.
        pictures: (1, H, W, 3) uint8 RGB, as the graph takes them.

    Returns:
        The steps by name; a magnitude of 127 steps is the largest that int8 holds.
    """
    histograms = {name: _Histogram() for name in tensors}
    session = open_graph(_with_outputs(model, tensors))
    for picture in pictures:
        values = session.run(list(tensors), {model.graph.input[0].name: picture})
        for name, value in zip(tensors, values, strict=True):
            histograms[name].add(np.abs(value.ravel()))
    return {name: histogram.scale() for name, histogram in histograms.items()}


def _with_outputs(model: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    opened.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors)
    return opened


class _Histogram:
    """Counts of magnitudes; its end doubles until everything fits."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS)
        self._end = 0.0

    def add(self, magnitudes: NDArray[np.float32]) -> None:
        largest = float(magnitudes.max())
        if self._end == 0.0:
            self._end = largest
        while largest > self._end > 0.0:
            self._counts = np.append(self._counts.reshape(-1, 2).sum(axis=1), np.zeros(BINS // 2))
            self._end *= 2
        if self._end == 0.0:
            return
        stride = max(1, magnitudes.size // SAMPLES)
        counts, _ = np.histogram(magnitudes[::stride], BINS, (0.0, self._end))
        self._counts += counts

    def scale(self) -> float:
        """Return the step with the least squared error; 1 for a tensor that is always zero."""
        if not self._counts.any():
            return 1.0
        centres = (np.arange(BINS) + 0.5) * self._end / BINS
        seen = centres[np.flatnonzero(self._counts)[-1]]
        steps = seen * SHARES / LEVELS
        rounded = np.clip(np.rint(centres / steps[:, None]), 0, LEVELS) * steps[:, None]
        errors = ((rounded - centres) ** 2 * self._counts).sum(axis=1)
        return float(steps[errors.argmin()])
