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
from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import stored_classes, stored_model
from hybrid_training.export.label_only import ENGINES, ScoreCost, noise, time_score
from hybrid_training.export.onnx_file import write_onnx
from hybrid_training.models.network import build_network


def measure_overhead(
        checkpoint: Path, size: tuple[int, int], *, rounds: int) -> dict[str, Any]:
    """Time the exported graph with and without its score, in turns within one run.

    Args:
        checkpoint: of the network.
        size: (height, width) of the graph.
        rounds: how often each is timed, per number of threads.

    Returns:
        `threads`: by number of threads `plain_ms`, `hybrid_ms` (medians), `overhead` (median over
        the engines of their medians of the ratios within a round, less 1) and its 95 % interval,
        by resampling the engines.
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
            found[str(threads)] = _figures(time_score(path, image, threads, rounds))
    return {'threads': found, 'size': list(size), 'rounds': rounds, 'engines': ENGINES,
            'cores': usable_cores(), 'machine': platform.machine(),
            'onnxruntime': onnxruntime.__version__}


def _figures(cost: ScoreCost) -> dict[str, Any]:
    added = cost.by_engine
    draws = np.random.default_rng(0).integers(len(added), size=(1000, len(added)))
    low, high = np.quantile(np.median(added[draws], axis=1), [0.025, 0.975]).tolist()
    return {'plain_ms': 1000 * float(np.median(cost.plain)),
            'hybrid_ms': 1000 * float(np.median(cost.hybrid)),
            'overhead': cost.median, 'interval95': [low, high]}
