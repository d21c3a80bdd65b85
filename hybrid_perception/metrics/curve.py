# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The counts behind the ROC and the precision-recall curve, and every figure read off them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics.targets import split_scores

FPR_RULES = {
    'fishyscapes': 'first point with TPR >= the level (Fishyscapes, SegmentMeIfYouCan)',
    'densehybrid': 'first point with TPR > the level, on the curve as scikit-learn thins it '
                   '(DenseHybrid)',
    'sklearn': 'first point with TPR >= the level, on the curve as scikit-learn thins it '
               '(UNO, EAM)',
    'streethazards': 'point with the TPR closest to the level, the lowest threshold of several '
                     '(StreetHazards)',
}
"""Published readings of "FPR at TPR 95"; they differ where scores tie or anomalies are few."""


@dataclass(frozen=True)
class RankingCurve:
    """What is detected at each threshold, from the strictest to the most generous.

    Attributes:
        thresholds: distinct scores that occur, (M,) descending; ``score >= threshold`` detects.
        true_positives: anomaly pixels detected, (M,) ascending.
        false_positives: known pixels detected, (M,) ascending.

    Raises:
        ParameterError: There is no anomaly pixel or no known pixel.
    """

    thresholds: NDArray[Any]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]

    def __post_init__(self) -> None:
        for counts, name in ((self.false_positives, '0 (known)'),
                             (self.true_positives, '1 (anomaly)')):
            if not counts.size or not counts[-1]:
                raise ParameterError(
                    f'target has no pixel of value {name}; a ranking needs some of both')

    @property
    def tpr(self) -> NDArray[np.float64]:
        """Share of anomaly pixels detected (recall), (M,)."""
        return np.asarray(self.true_positives / self.true_positives[-1])

    @property
    def fpr(self) -> NDArray[np.float64]:
        """Share of known pixels detected, (M,)."""
        return np.asarray(self.false_positives / self.false_positives[-1])

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of anomalies among detected pixels, (M,)."""
        return np.asarray(self.true_positives / (self.true_positives + self.false_positives))

    def average_precision(self) -> float:
        """Sum precision over the steps of recall (no interpolation), 0..1."""
        return float(np.sum(np.diff(self.tpr, prepend=0) * self.precision))

    def auroc(self) -> float:
        """Compute the area under the ROC curve by trapezoids, 0..1."""
        fpr, tpr = np.append(0, self.fpr), np.append(0, self.tpr)
        return float(np.sum(np.diff(fpr) * (tpr[1:] + tpr[:-1])) / 2)

    def fpr_at_tpr(self, tpr: float = 0.95, rule: str = 'fishyscapes') -> float:
        """Compute the false positive rate where the detection rate is reached.

        Args:
            tpr: share of anomaly pixels that must be detected, in (0, 1].
            rule: one of ``FPR_RULES``.

        Raises:
            ParameterError: No such rule, or a rate outside (0, 1] or that no point exceeds.
        """
        return float(self.fpr[self._index_at_tpr(tpr, rule)])

    def threshold_at_tpr(self, tpr: float = 0.95) -> float:
        """Find the highest threshold that detects at least the share ``tpr`` of the anomalies.

        Raises:
            ParameterError: A rate outside (0, 1].
        """
        return float(self.thresholds[self._index_at_tpr(tpr, 'fishyscapes')])

    def threshold_at_fpr(self, fpr: float) -> float:
        """Find the lowest threshold of the curve that detects at most ``fpr`` of the known pixels.

        Returns:
            A threshold; infinity (nothing is detected) where even the highest score is too low.

        Raises:
            ParameterError: A rate outside [0, 1).
        """
        if not 0 <= fpr < 1:
            raise ParameterError(f'fpr is {fpr}; it must be at least 0 and below 1')
        within = np.flatnonzero(self.fpr <= fpr)
        return float(self.thresholds[within[-1]]) if within.size else float('inf')

    def best_f1(self) -> tuple[float, float]:
        """Find the threshold of the highest pixel F1.

        Returns:
            The threshold (the highest of several), and the F1 there, 0..1.
        """
        detected = self.true_positives + self.false_positives
        f1 = 2 * self.true_positives / (detected + self.true_positives[-1])
        best = int(np.argmax(f1))
        return float(self.thresholds[best]), float(f1[best])

    def _index_at_tpr(self, level: float, rule: str) -> int:
        if rule not in FPR_RULES:
            raise ParameterError(f'rule is {rule!r}; it must be one of {", ".join(FPR_RULES)}')
        if not 0 < level <= 1 or (level == 1 and rule == 'densehybrid'):
            raise ParameterError(
                f'tpr is {level}; it must be above 0 and at most 1 (below 1 for densehybrid)')
        tpr = self.tpr
        if rule == 'streethazards':
            distance = np.abs(tpr[:np.argmax(tpr == 1) + 1] - level)
            return int(np.flatnonzero(distance == distance.min())[-1])
        kept = np.arange(tpr.size) if rule == 'fishyscapes' else self._thinned()
        reached = tpr[kept] > level if rule == 'densehybrid' else tpr[kept] >= level
        return int(kept[np.argmax(reached)])

    def _thinned(self) -> NDArray[np.intp]:
        """Leave out points on the straight line between equal steps, as scikit-learn does."""
        bends = (np.diff(self.false_positives, 2) != 0) | (np.diff(self.true_positives, 2) != 0)
        keep = np.ones(self.thresholds.size, np.bool_)
        keep[1:-1] = bends
        return np.flatnonzero(keep)


def ranking_curve(score: ArrayLike, target: ArrayLike) -> RankingCurve:
    """Build the exact curve of all given pixels.

    Args:
        score: any shape, higher = more anomalous.
        target: the same shape; 0 known, 1 anomaly, 2 or 255 void.

    Raises:
        ParameterError: No anomaly or no known pixel, a NaN score, or an unknown target value.
    """
    known, anomaly = split_scores(score, target)
    thresholds, inverse = np.unique(np.concatenate([known, anomaly]), return_inverse=True)
    false = np.bincount(inverse[:known.size], minlength=thresholds.size)
    true = np.bincount(inverse[known.size:], minlength=thresholds.size)
    return RankingCurve(thresholds[::-1], np.cumsum(true[::-1]), np.cumsum(false[::-1]))
