# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""open-mIoU with thresholds that come from other data than those it is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybrid_perception.metrics import ScoreBins, StreamingRanking
from hybrid_training.data.label_ids import VOID
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.anomaly_measures import ScoreOnSet
from hybrid_training.evaluation.measures import (
    class_labels_at,
    image_indices,
    open_mious,
    resize_score,
)
from hybrid_training.evaluation.predictors import Predictor


def cross_fold_open_miou(
        predictor: Predictor, folds: Mapping[str, LabeledImages], num_classes: int,
) -> dict[str, Any]:
    """Measure each fold at the thresholds of all other folds together.

    Thresholds are those of TPR 95, FPR 5 and the best pixel F1 of the hybrid score, at full
    resolution; a score equal to the threshold is unknown on both sides.

    Args:
        predictor: the model.
        folds: by name (a town, a day); labels are class ids, K is the unknown, 255 void.
        num_classes: K.

    Returns:
        `folds`: by name `images`, `thresholds` and `open_miou`; `weighted_mean`: open-mIoU
        averaged by the number of images.

    Raises:
        ValueError: less than two folds.
        ParameterError: the other folds of one have no anomalies, or nothing else.

    Source: DenseHybrid (ECCV 2022), section 6.2, StreetHazards' test towns.
    """
    if len(folds) < 2:
        msg = f'cross-fold open-mIoU needs at least two folds, got {", ".join(folds) or "none"}'
        raise ValueError(msg)
    rankings: dict[str, StreamingRanking] = {}
    for name, images in folds.items():
        # The same bins, so that counts of several folds can be added.
        bins = next(iter(rankings.values())).bins if rankings else None
        rankings[name] = _rank(predictor, images, num_classes, bins)
    found: dict[str, Any] = {}
    for name, images in folds.items():
        others = StreamingRanking(rankings[name].bins)
        for other in folds:
            if other != name:
                others.merge(rankings[other])
        thresholds = ScoreOnSet(ranking=others).thresholds()
        mious = open_mious(predictor, images, num_classes, {
            point: float(np.float32(value)) for point, value in thresholds.items()})
        found[name] = {'images': len(images), 'thresholds': thresholds, 'open_miou': mious}
    weights = [fold['images'] for fold in found.values()]
    return {'folds': found, 'weighted_mean': {
        point: float(np.average([f['open_miou'][point] for f in found.values()], weights=weights))
        for point in ('tpr95', 'fpr05', 'best_f1')}}


def _rank(
        predictor: Predictor, images: LabeledImages, num_classes: int, bins: ScoreBins | None,
) -> StreamingRanking:
    ranking = StreamingRanking(bins)
    for index in image_indices(images, None):
        label = class_labels_at(images, index, num_classes)
        target = np.where(label < num_classes, 0, np.where(label == num_classes, 1, VOID))
        score = predictor(images.image(index)).scores['hybrid']
        ranking.update(resize_score(score, label.shape), target)
    return ranking
