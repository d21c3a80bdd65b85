# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measures taken while training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid_training.config import ValidationConfig, resolve
from hybrid_training.data.class_list import CITYSCAPES, ClassList
from hybrid_training.data.folder_pairs import FolderPairs
from hybrid_training.evaluation.measures import closed_miou, pool_scores
from hybrid_training.evaluation.predictors import NetworkPredictor
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.training_data import open_inliers


@dataclass(frozen=True)
class ValidationReport:
    """What one validation found; fractions, by `<set>/<measure>`."""

    values: dict[str, float]

    @property
    def selection(self) -> float:
        """The figure that picks the best checkpoint: mIoU plus mean AP of the hybrid score."""
        ap = [v for k, v in self.values.items() if k.endswith('/hybrid_ap')]
        return self.values.get('closed/miou', 0.0) + (float(np.mean(ap)) if ap else 0.0)

    def line(self) -> str:
        """Return the figures in one line, in percent."""
        return ', '.join(f'{k} {100 * v:.1f}' for k, v in self.values.items())


def validate(
        model: DenseHybridNet, config: ValidationConfig, *, data_root: Path,
        classes: ClassList = CITYSCAPES) -> ValidationReport:
    """Measure closed mIoU, and AP and FPR95 of the hybrid score and of each of its parts."""
    predictor = NetworkPredictor(model, config.size)
    values = {}
    if config.closed_set is not None:
        pairs = open_inliers(config.closed_set, data_root, classes)
        values['closed/miou'], _ = closed_miou(
            predictor, pairs, model.num_classes, limit=config.closed_set_limit)
    for root in config.anomaly_roots:
        # At the network's size: a running check, not the published figure.
        pairs = FolderPairs(resolve(root, data_root), labels='masks', size=config.size)
        for name, found in pool_scores(predictor, pairs).measures().items():
            values[f'{pairs.root.name}/{name}_ap'] = found.ap
            values[f'{pairs.root.name}/{name}_fpr95'] = found.fpr95
    return ValidationReport(values)
