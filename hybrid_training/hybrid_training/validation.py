# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measures taken while training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import StreamingRanking
from hybrid_training.config import TrainingConfig, class_list, resolve
from hybrid_training.data.anomaly_sets import open_anomaly_folder
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.measures import (
    closed_miou,
    image_indices,
    labels_at,
    resize_score,
)
from hybrid_training.evaluation.predictors import NetworkPredictor, Predictor
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.training_data import open_held_out, open_inliers
from hybrid_training.validation_config import Selection, ValidationConfig

HELD_OUT = 'held_out'


@dataclass(frozen=True)
class ValidationReport:
    """What one validation found; fractions, by `<set>/<measure>`."""

    values: dict[str, float]

    def selection(self, rule: Selection) -> float:
        """Return the figure that picks the best checkpoint.

        Args:
            rule: 'miou': closed mIoU; 'open_set': AP of the hybrid score on held-out negatives,
                where there are none the mean over the anomaly sets; 'both': their sum. What was
                not measured counts 0.
        """
        miou = self.values.get('closed/miou', 0.0)
        ap = [v for k, v in self.values.items() if k.endswith('/hybrid_ap')]
        open_set = self.values.get(f'{HELD_OUT}/hybrid_ap', float(np.mean(ap)) if ap else 0.0)
        return {'miou': miou, 'open_set': open_set, 'both': miou + open_set}[rule]

    def line(self) -> str:
        """Return the figures in one line, in percent."""
        return ', '.join(f'{k} {100 * v:.1f}' for k, v in self.values.items())


@dataclass(frozen=True)
class Validation:
    """The opened sets of a run's validation.

    Attributes:
        config: how they are measured.
        closed: labels are train ids; None = closed mIoU is not measured.
        anomalies: by name, labels 0 known, 1 anomaly, VOID.
    """

    config: ValidationConfig
    closed: LabeledImages | None
    anomalies: dict[str, LabeledImages]

    def due(self, step: int, end: int) -> bool:
        """Return whether the configuration wants to measure after a step."""
        return step % self.config.every == 0 or step == end

    def measure(self, model: DenseHybridNet) -> ValidationReport:
        """Measure closed mIoU, and AP and FPR95 of the hybrid score and of each of its parts.

        All at the network's size: a running check, not the published figures.

        Raises:
            ValueError: an image or a label cannot be read, or an anomaly set ranks nothing; the
                message names it.
        """
        predictor = NetworkPredictor(model, self.config.size)
        values = {}
        if self.closed is not None:
            values['closed/miou'], _ = closed_miou(
                predictor, self.closed, model.num_classes, limit=self.config.closed_set_limit)
        for name, images in self.anomalies.items():
            for score, ranking in _rank(predictor, images).items():
                try:
                    curve = ranking.curve()
                except ParameterError as error:
                    msg = f'{images.root}: {error}; leave the set out of validation.anomaly_roots'
                    raise ValueError(msg) from error
                values[f'{name}/{score}_ap'] = curve.average_precision()
                values[f'{name}/{score}_fpr95'] = curve.fpr_at_tpr()
        return ValidationReport(values)


def _rank(predictor: Predictor, images: LabeledImages) -> dict[str, StreamingRanking]:
    # Counted, not pooled: a training run may have no room for the scores of all pixels.
    rankings: dict[str, StreamingRanking] = {}
    for index in image_indices(images, None):
        target = labels_at(images, index)
        for name, score in predictor(images.image(index)).scores.items():
            rankings.setdefault(name, StreamingRanking()).update(
                resize_score(score, target.shape), target)
    return rankings


def open_validation(config: TrainingConfig, data_root: Path) -> Validation | None:
    """Open what a configuration validates on, so that a missing set is found before training.

    Raises:
        ValueError, ConfigError: a set is missing or empty; the message names it.
    """
    found = config.validation
    if found is None:
        return None
    classes = class_list(config.classes, data_root)
    closed = None
    if found.closed_set is not None:
        closed = open_inliers(found.closed_set, data_root, classes)
    anomalies: dict[str, LabeledImages] = {}
    for root in found.anomaly_roots:
        pairs = open_anomaly_folder(resolve(root, data_root), size=found.size)
        anomalies[pairs.root.name] = pairs
    held_out = open_held_out(config, data_root)
    if held_out is not None:
        anomalies[HELD_OUT] = held_out
    return Validation(found, closed, anomalies)
