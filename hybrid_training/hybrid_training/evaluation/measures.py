# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measures over whole sets: closed mIoU, AP/AUROC/FPR95 of scores, open-mIoU at thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hybrid_perception.metrics import (
    ConfusionMatrix,
    auroc,
    average_precision,
    fpr_at_tpr,
    open_miou,
)
from hybrid_perception.open_set import open_set_label
from hybrid_training.data.label_ids import VOID
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.predictors import Predictor


@dataclass(frozen=True)
class RankingMeasures:
    """Of one score on one set, pixels pooled; fractions (SegmentMeIfYouCan's pixel measures)."""

    ap: float
    auroc: float
    fpr95: float


@dataclass(frozen=True)
class PooledScores:
    """Scores of every pixel of a set that is not void.

    Attributes:
        scores: by name, (M,) float32.
        anomaly: (M,) uint8, 1 where the pixel is an anomaly.
    """

    scores: Mapping[str, NDArray[np.float32]]
    anomaly: NDArray[np.uint8]

    def measures(self) -> dict[str, RankingMeasures]:
        """Rank every score.

        Raises:
            ParameterError: the set has no anomaly, or nothing else.
        """
        return {name: RankingMeasures(
                    average_precision(s, self.anomaly), auroc(s, self.anomaly),
                    fpr_at_tpr(s, self.anomaly)) for name, s in self.scores.items()}


def evaluation_size(pairs: LabeledImages, label: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the (height, width) at which a set is measured: as meant to be seen, or stored."""
    return pairs.size or (label.shape[0], label.shape[1])


def labels_at(pairs: LabeledImages, index: int) -> NDArray[np.uint8]:
    """Read a label map at the size at which its set is measured, (H, W) uint8."""
    label = pairs.label(index)
    size = evaluation_size(pairs, label)
    if label.shape != size:
        label = cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return label


def class_labels_at(pairs: LabeledImages, index: int, num_classes: int) -> NDArray[np.uint8]:
    """Read a map of classes 0..K-1, K = unknown and VOID, as `labels_at`.

    Raises:
        ValueError: another value: the ids of the files are not those of the model.
    """
    label = labels_at(pairs, index)
    strange = label[(label > num_classes) & (label != VOID)]
    if strange.size:
        msg = (f'{pairs.root}: {pairs.names[index]}: the label {strange[0]} is none of the '
               f'{num_classes} classes (0..{num_classes - 1}), nor unknown ({num_classes}) or '
               f'void ({VOID}); name the set, or give the table of its labels (--lookup)')
        raise ValueError(msg)
    return label


def pool_scores(
        predictor: Predictor, pairs: LabeledImages, *, inlier_below: int | None = None,
        limit: int | None = None) -> PooledScores:
    """Score every pixel of a set.

    Args:
        predictor: the model.
        pairs: labels are 0 known, 1 anomaly, VOID; or class ids, see `inlier_below`.
        inlier_below: labels hold class ids: those below this number are known, this number is
            the unknown class; None = the labels are an anomaly mask.
        limit: use only this many pictures, evenly spread.
    """
    pooled: dict[str, list[NDArray[np.float32]]] = {}
    anomalies = []
    for index in image_indices(pairs, limit):
        label = labels_at(pairs, index)
        if inlier_below is not None:
            label = np.where(label < inlier_below, 0, np.where(label == inlier_below, 1, VOID))
        counted = label != VOID
        anomalies.append((label[counted] == 1).astype(np.uint8))
        for name, score in predictor(pairs.image(index)).scores.items():
            pooled.setdefault(name, []).append(resize_score(score, label.shape)[counted])
    return PooledScores(
        {name: np.concatenate(parts) for name, parts in pooled.items()}, np.concatenate(anomalies))


def closed_miou(
        predictor: Predictor, pairs: LabeledImages, num_classes: int, *, limit: int | None = None,
) -> tuple[float, NDArray[np.float64]]:
    """Measure closed-set labels; unknown and void pixels do not count.

    Returns:
        mIoU over the classes that occur, and (K,) IoU by class, NaN where a class is absent.

    Raises:
        ValueError: a file cannot be read, or has labels of other classes.
    """
    confusion = ConfusionMatrix(num_classes)
    for index in image_indices(pairs, limit):
        target = class_labels_at(pairs, index, num_classes)
        target[target >= num_classes] = VOID
        label = resize_label(predictor(pairs.image(index)).label, target.shape)
        confusion.update(target, label)
    return confusion.miou(), confusion.iou()


def open_mious(
        predictor: Predictor, pairs: LabeledImages, num_classes: int,
        thresholds: Mapping[str, float]) -> dict[str, float]:
    """Measure open-mIoU of the hybrid score at each threshold; the labels' unknown id is K.

    Source: DenseHybrid (ECCV 2022), section 6.2: the unknown class is not averaged in.
    """
    confusions = {name: ConfusionMatrix(num_classes + 1) for name in thresholds}
    for index in image_indices(pairs, None):
        target = class_labels_at(pairs, index, num_classes)
        prediction = predictor(pairs.image(index))
        label = resize_label(prediction.label, target.shape)
        score = resize_score(prediction.scores['hybrid'], target.shape)
        for name, threshold in thresholds.items():
            confusions[name].update(
                target, open_set_label(label, score, threshold, num_classes))
    return {name: open_miou(confusion) for name, confusion in confusions.items()}


def image_indices(pairs: LabeledImages, limit: int | None) -> Iterator[int]:
    """Yield the pictures of a set, or `limit` of them evenly spread, behind a progress bar."""
    indices = np.arange(len(pairs))
    if limit is not None and limit < len(pairs):
        indices = np.linspace(0, len(pairs) - 1, limit).round().astype(int)
    yield from tqdm(indices.tolist(), desc=pairs.root.name, leave=False, disable=None)


def resize_label(label: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Resize a label map by its nearest pixels, where it has not that size already."""
    if label.shape == size:
        return label
    return cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def resize_score(score: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Resize a score map bilinearly to (height, width), where it has not that size already."""
    if score.shape == size:
        return score
    return cv2.resize(score, size[::-1], interpolation=cv2.INTER_LINEAR)
