# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Confusion matrix, IoU and open-mIoU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import UNLABELED


class ConfusionMatrix:
    """Pixel counts by target class (rows) and labelled class (columns), over a whole data set.

    Attributes:
        counts: (num_classes, num_classes) int64.
    """

    def __init__(self, num_classes: int, *, ignore: Sequence[int] = (UNLABELED,)) -> None:
        """Start from zero.

        Args:
            num_classes: Classes counted; K for closed mIoU, K + 1 for open-mIoU.
            ignore: Target values that are left out.

        Raises:
            ParameterError: No class, or a class that is also ignored.
        """
        if num_classes < 1 or any(0 <= value < num_classes for value in ignore):
            raise ParameterError(
                f'num_classes is {num_classes} and ignore is {tuple(ignore)}; there must be a '
                f'class, and ignored values must not be classes'
            )
        self.num_classes = num_classes
        self.ignore = tuple(ignore)
        self.counts = np.zeros((num_classes, num_classes), np.int64)

    def update(self, target: NDArray[Any], label: NDArray[Any]) -> None:
        """Count the pixels of one image.

        Args:
            target: (H, W) integer ground truth, 0..num_classes-1 or an ignored value.
            label: (H, W) integer classes given, 0..num_classes-1 wherever the target counts.

        Raises:
            ParameterError: The shapes differ or a value that counts is no class.
        """
        if target.shape != label.shape:
            raise ParameterError(
                f'target {target.shape} and label {label.shape} must have the same shape'
            )
        counted = np.ones(target.shape, np.bool_)
        for value in self.ignore:
            counted &= target != value
        rows = self._classes(target[counted], 'target')
        columns = self._classes(label[counted], 'label')
        pairs = rows * self.num_classes + columns
        self.counts += np.bincount(pairs, minlength=self.num_classes**2).reshape(
            self.counts.shape
        )

    def iou(self) -> NDArray[np.float64]:
        """Compute the intersection over union of each class.

        Returns:
            (num_classes,) float64 in 0..1; NaN for a class that is neither in the targets nor in
            the labels.
        """
        true_positives = np.diag(self.counts).astype(np.float64)
        union = self.counts.sum(axis=0) + self.counts.sum(axis=1) - true_positives
        iou = np.full(self.num_classes, np.nan)
        np.divide(true_positives, union, out=iou, where=union > 0)
        return iou

    def miou(self) -> float:
        """Average the IoU of the classes that occur.

        Raises:
            ParameterError: Nothing was counted yet.
        """
        return _mean(self.iou())

    def _classes(self, values: NDArray[Any], name: str) -> NDArray[np.int64]:
        # Casting a float would turn NaN and 1.7 into classes.
        if not np.issubdtype(values.dtype, np.integer):
            raise ParameterError(f'{name} has dtype {values.dtype}; it must be an integer type')
        if values.size and not 0 <= values.min() <= values.max() < self.num_classes:
            raise ParameterError(
                f'{name} has values {values.min()}..{values.max()} where pixels count; '
                f'classes are 0..{self.num_classes - 1}, ignored targets are {self.ignore}'
            )
        return values.astype(np.int64)


def open_miou(confusion: ConfusionMatrix) -> float:
    """Average the IoU of the known classes after unknown pixels were rejected.

    A known pixel that was rejected counts as a miss of its class, an anomaly that was accepted
    as a false positive of the class that it got. The unknown class is not averaged in. A perfect
    detector gives the closed mIoU.

    Args:
        confusion: K + 1 classes, the last is the unknown; updated with open-set targets and
            open-set labels.

    Returns:
        Mean over the known classes that occur, 0..1.

    Raises:
        ParameterError: There is no known class or nothing was counted.

    Source: DenseHybrid (ECCV 2022), open-set segmentation performance.
    """
    return _mean(confusion.iou()[:-1])


def _mean(iou: NDArray[np.float64]) -> float:
    if np.isnan(iou).all():
        raise ParameterError('no class was counted; update the confusion matrix first')
    return float(np.nanmean(iou))
