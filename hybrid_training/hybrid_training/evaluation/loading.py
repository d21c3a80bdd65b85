# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Open whatever file a model is in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.manifest import load_manifest
from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import stored_classes, stored_model
from hybrid_training.data.class_list import ClassList
from hybrid_training.evaluation.predictors import (
    PARTS,
    ExportedPredictor,
    NetworkPredictor,
    Predictor,
)
from hybrid_training.models.network import build_network


def load_predictor(
        path: Path, size: tuple[int, int], *, scores: Sequence[str] = PARTS,
) -> tuple[Predictor, dict[str, float]]:
    """Open a checkpoint (`.pt`) or an exported model.

    Args:
        path: checkpoint, manifest, or ONNX file with its manifest.
        size: (height, width) for a checkpoint; an exported model has its own.
        scores: what a checkpoint computes; an exported model has its hybrid score only.

    Returns:
        The predictor, and the model's thresholds by operating point (none for a checkpoint).

    Raises:
        CheckpointError: not a whole checkpoint.
        ModelError: not a whole exported model.
    """
    if path.suffix == '.pt':
        checkpoint = load_checkpoint(path)
        model = build_network(
            stored_model(checkpoint.config), len(stored_classes(checkpoint.config)),
            pretrained=False)
        model.load_state_dict(checkpoint.weights)
        return NetworkPredictor(model.eval(), size, scores=scores), {}
    manifest = load_manifest(path)
    predictor = ExportedPredictor(manifest, create_backend('onnxruntime', manifest))
    return predictor, {n: p.threshold for n, p in manifest.operating_points.items()}


def model_classes(path: Path) -> tuple[tuple[str, ...], ClassList | None]:
    """Return the known classes of a checkpoint or an exported model.

    Returns:
        Their names, and the list that says which label values they are; an exported model has
        none.

    Raises:
        CheckpointError: not a whole checkpoint.
        ModelError: not a whole exported model.
    """
    if path.suffix == '.pt':
        classes = stored_classes(load_checkpoint(path).config)
        return classes.names, classes
    return load_manifest(path).class_map.names, None
