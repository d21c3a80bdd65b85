# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Variants for a model that was exported before: what `hybrid-training quantize` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_training.config import TrainingConfig, class_list
from hybrid_training.evaluation.predictors import ExportedPredictor
from hybrid_training.exceptions import ExportError
from hybrid_training.export.calibration_pictures import open_calibration
from hybrid_training.export.measured import measure, open_sets
from hybrid_training.export.variants import add_variants


def quantize_model(
        path: Path, config: TrainingConfig, precisions: Sequence[str], data_root: Path,
) -> Manifest:
    """Put variants beside an exported fp32 model, and name them in its manifest.

    Args:
        path: the model, as `load_manifest` takes it.
        config: its `inliers` are what int8 is calibrated on, its `validation` what is measured.
        precisions: of `variants.DERIVED`.
        data_root: folder that `{data}` stands for.

    Raises:
        ModelError: not a whole model.
        ExportError: it is no fp32 model, its classes are not those of the configuration, there
            is no inlier validation set, or a variant cannot be made.
    """
    base = load_manifest(path)
    classes = class_list(config.classes, data_root)
    if base.precision != 'fp32':
        msg = f'{base.path} is {base.precision}; variants are made from the fp32 model'
        raise ExportError(msg)
    if base.class_map.names != classes.names:
        msg = (f'{base.path} knows {", ".join(base.class_map.names)}; the configuration '
               f'{config.name} has other classes: {", ".join(classes.names)}')
        raise ExportError(msg)
    if config.validation is None:
        msg = f'configuration {config.name} has no section "validation" to measure on'
        raise ExportError(msg)
    sets = open_sets(config.validation, data_root, classes)
    calibration = open_calibration(config, data_root, classes, base.input_size) if (
        'int8' in precisions) else None
    # Not those of the manifest: they may come from other pictures under the same names.
    figures = measure(
        ExportedPredictor(base, create_backend('onnxruntime', base)), sets)['metrics']
    return add_variants(base, figures, precisions, sets, calibration)
