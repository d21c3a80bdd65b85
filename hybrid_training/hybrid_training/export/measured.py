# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The figures and operating points of an exported graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.metrics import ConfusionMatrix
from hybrid_training.config import ValidationConfig, resolve
from hybrid_training.data.anomaly_sets import open_anomaly_folder
from hybrid_training.data.class_list import ClassList
from hybrid_training.data.label_ids import VOID
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.measures import (
    PooledScores,
    image_indices,
    labels_at,
    pool_scores,
    resize_label,
    resize_score,
)
from hybrid_training.evaluation.predictors import Predictor
from hybrid_training.exceptions import ExportError
from hybrid_training.export.operating_points import DEFAULT, operating_points
from hybrid_training.training_data import open_inliers


@dataclass(frozen=True)
class MeasuringSets:
    """What an exported graph is measured on.

    Attributes:
        inliers: labelled pictures of known classes.
        anomalies: sets with masks, by name.
        classes: the known classes.
    """

    inliers: LabeledImages
    anomalies: Mapping[str, LabeledImages]
    classes: ClassList

    @property
    def inlier_name(self) -> str:
        """Return the name of the inlier set, for the record."""
        return f'{self.inliers.root.parent.name}/{self.inliers.root.name}'

    def spread(self, count: int) -> list[NDArray[np.uint8]]:
        """Read some inlier pictures, evenly spread."""
        indices = np.linspace(0, len(self.inliers) - 1, min(count, len(self.inliers))).round()
        return [self.inliers.image(int(i)) for i in indices]


def open_sets(
        validation: ValidationConfig, data_root: Path, classes: ClassList) -> MeasuringSets:
    """Open the validation sets of a configuration.

    Raises:
        ExportError: there is no inlier set.
    """
    if validation.closed_set is None:
        msg = ('validation.closed_set is missing from the configuration: thresholds are chosen '
               'on labelled inlier images')
        raise ExportError(msg)
    pairs = [open_anomaly_folder(resolve(root, data_root))
             for root in validation.anomaly_roots]
    return MeasuringSets(
        open_inliers(validation.closed_set, data_root, classes),
        {each.root.name: each for each in pairs}, classes)


def measure(
        exported: Predictor, sets: MeasuringSets, *, ranked: Predictor | None = None,
) -> dict[str, Any]:
    """Measure a graph; choose its thresholds.

    Args:
        exported: the graph.
        sets: what it is measured on.
        ranked: what the anomaly sets are ranked by, where it is not the graph: the network in
            PyTorch has more scores than the hybrid one.

    Returns:
        The manifest's `operating_points`, `default_operating_point` and `metrics`.
    """
    pooled = {name: pool_scores(ranked or exported, pairs)
              for name, pairs in sets.anomalies.items()}
    confusion, known = _inliers(exported, sets)
    iou = dict(zip(sets.classes.names, confusion.iou(), strict=True))
    return {
        'operating_points': operating_points(known, sets.inlier_name, pooled),
        'default_operating_point': DEFAULT,
        'metrics': {
            'closed_set': {
                'data': sets.inlier_name, 'miou': confusion.miou(),
                'iou': {c: None if np.isnan(v) else float(v) for c, v in iou.items()}},
            'anomaly': {set_name: {score: asdict(m) for score, m in p.measures().items()}
                        for set_name, p in pooled.items()}}}


def _inliers(exported: Predictor, sets: MeasuringSets) -> tuple[ConfusionMatrix, PooledScores]:
    """Take labels and scores of the known pixels in one pass."""
    known = len(sets.classes)
    confusion, scores = ConfusionMatrix(known), []
    for index in image_indices(sets.inliers, None):
        target = labels_at(sets.inliers, index)
        target[target >= known] = VOID
        prediction = exported(sets.inliers.image(index))
        confusion.update(target, resize_label(prediction.label, target.shape))
        scores.append(
            resize_score(prediction.scores['hybrid'], target.shape)[target != VOID])
    score = np.concatenate(scores)
    return confusion, PooledScores({'hybrid': score}, np.zeros(len(score), np.uint8))
