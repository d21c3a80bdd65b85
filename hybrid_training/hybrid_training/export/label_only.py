# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""An exported model without its anomaly score: what the unknown costs is measured against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import tempfile

import numpy as np
from numpy.typing import NDArray
import onnx.utils

from hybrid_perception.backends.onnxruntime_backend import open_session


def label_only_engine(
        onnx_path: Path, image: NDArray[np.uint8], threads: int, *, input_name: str = 'image',
        label_name: str = 'label') -> Callable[[], object]:
    """Cut a graph down to its label output and return a call that runs it on one image.

    The head that both share keeps its one channel for the dataset posterior, 1 of K + 1: what
    that costs is less than the timing can tell. Engine and settings are the node's.

    Args:
        onnx_path: the whole graph.
        image: what it takes, (1, H, W, 3) uint8 RGB.
        threads: of the engine.
        input_name: of the graph.
        label_name: of the output that is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'label_only.onnx'
        onnx.utils.extract_model(str(onnx_path), str(path), [input_name], [label_name])
        session = open_session(path, threads)
    return lambda: session.run([label_name], {input_name: image})


def noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Make a uint8 image of noise; the time of a convolution does not depend on the picture."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
