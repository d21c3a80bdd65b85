# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the anomaly score costs in the exported graph."""

from __future__ import annotations

from pathlib import Path
import platform
import tempfile
from typing import Any

import numpy as np
import onnxruntime

from hybrid_perception.backends.cores import usable_cores
from hybrid_perception.backends.onnxruntime_backend import open_session
from hybrid_perception.interleaved import take_turns
from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import stored_classes, stored_model
from hybrid_training.export.label_only import label_only_engine, noise
from hybrid_training.export.onnx_file import write_onnx
from hybrid_training.models.network import build_network

PLAIN, HYBRID = 'label alone', 'label and score'


def measure_overhead(
        checkpoint: Path, size: tuple[int, int], *, rounds: int) -> dict[str, Any]:
    """Time the exported graph with and without its score, in turns within one run.

    Args:
        checkpoint: of the network.
        size: (height, width) of the graph.
        rounds: how often each is timed, per number of threads.

    Returns:
        `threads`: by number of threads `plain_ms`, `hybrid_ms` (medians), `overhead` (median of
        the ratios within a round, less 1) and its 95 % interval from resampled rounds.
    """
    stored = load_checkpoint(checkpoint)
    model = build_network(
        stored_model(stored.config), len(stored_classes(stored.config)), pretrained=False)
    model.load_state_dict(stored.weights)
    image = noise((1, *size, 3))
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'model.onnx'
        write_onnx(model.eval(), path, size)
        for threads in sorted({1, usable_cores()}):
            session = open_session(path, threads)
            seconds = take_turns({
                PLAIN: label_only_engine(path, image, threads),
                HYBRID: lambda s=session: s.run(['label', 'anomaly_score'], {'image': image}),
            }, rounds)
            found[str(threads)] = _figures(seconds[PLAIN], seconds[HYBRID])
    return {'threads': found, 'size': list(size), 'rounds': rounds, 'cores': usable_cores(),
            'machine': platform.machine(), 'onnxruntime': onnxruntime.__version__}


def _figures(plain: np.ndarray, hybrid: np.ndarray) -> dict[str, Any]:
    ratio = hybrid / plain - 1
    draws = np.random.default_rng(0).integers(len(ratio), size=(1000, len(ratio)))
    low, high = np.quantile(np.median(ratio[draws], axis=1), [0.025, 0.975]).tolist()
    return {'plain_ms': 1000 * float(np.median(plain)),
            'hybrid_ms': 1000 * float(np.median(hybrid)),
            'overhead': float(np.median(ratio)), 'interval95': [low, high]}
