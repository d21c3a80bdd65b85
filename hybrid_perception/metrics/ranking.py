# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Exact ranking metrics of an anomaly score, pooled over all given pixels.

``score`` is any shape, higher = more anomalous; ``target`` has the same shape: 0 known,
1 anomaly, 2 or 255 void (left out). A pixel counts as detected if ``score >= threshold``.
Tied scores share one threshold, as in scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics.curve import ranking_curve
from hybrid_perception.metrics.targets import SplitScores, split_scores


def average_precision(score: ArrayLike, target: ArrayLike) -> float:
    """Compute the average precision as a step-wise sum over the recall.

    Returns:
        AP in 0..1.

    Raises:
        ParameterError: No anomaly pixel, a NaN score, or a target that is not 0, 1, 2 or 255.
    """
    known, anomaly = _split(score, target, need_known=False)
    thresholds, counts = np.unique(anomaly, return_counts=True)
    # Recall moves only at scores that an anomaly has, so no other threshold adds to the sum.
    true_positives = np.cumsum(counts[::-1])[::-1]
    false_positives = known.size - np.searchsorted(known, thresholds, side='left')
    precision = true_positives / (true_positives + false_positives)
    return float(np.sum(counts * precision) / anomaly.size)


def auroc(score: ArrayLike, target: ArrayLike) -> float:
    """Compute the area under the ROC curve (ties count one half).

    Returns:
        Area in 0..1: the chance that an anomaly scores higher than a known pixel.

    Raises:
        ParameterError: No anomaly or no known pixel, a NaN score, or an unknown target value.
    """
    known, anomaly = _split(score, target)
    below = np.searchsorted(known, anomaly, side='left').sum(dtype=np.float64)
    up_to = np.searchsorted(known, anomaly, side='right').sum(dtype=np.float64)
    return float((below + up_to) / 2 / known.size / anomaly.size)


def threshold_at_tpr(score: ArrayLike, target: ArrayLike, tpr: float = 0.95) -> float:
    """Find the highest threshold that detects at least the share ``tpr`` of the anomalies.

    Returns:
        A threshold; one of the anomalies' scores.

    Raises:
        ParameterError: ``tpr`` outside (0, 1], no anomaly pixel, a NaN score, or an unknown
            target value.
    """
    return _threshold_at_tpr(_split(score, target, need_known=False).anomaly, tpr)


def fpr_at_tpr(
    score: ArrayLike, target: ArrayLike, tpr: float = 0.95, *, rule: str = 'fishyscapes'
) -> float:
    """Compute the share of known pixels detected where ``tpr`` is reached.

    Args:
        score: see above.
        target: see above.
        tpr: share of anomaly pixels that must be detected.
        rule: which published reading of "reached", one of ``FPR_RULES``; the default, of
            Fishyscapes and SegmentMeIfYouCan, is the first ROC point with TPR >= ``tpr``.

    Returns:
        False positive rate in 0..1 (FPR95 for the default).

    Raises:
        ParameterError: ``tpr`` outside (0, 1], no such rule, no anomaly or no known pixel, a NaN
            score, or an unknown target value.
    """
    if rule != 'fishyscapes':
        return ranking_curve(score, target).fpr_at_tpr(tpr, rule)
    known, anomaly = _split(score, target)
    threshold = _threshold_at_tpr(anomaly, tpr)
    detected = known.size - np.searchsorted(known, threshold, side='left')
    return float(detected / known.size)


def threshold_at_fpr(score: ArrayLike, target: ArrayLike, fpr: float) -> float:
    """Find the lowest threshold that detects at most the share ``fpr`` of the known pixels.

    Anomaly pixels are not needed: the threshold follows from known content alone.

    Returns:
        A threshold just above a known pixel's score, in the precision of ``score``.

    Raises:
        ParameterError: ``fpr`` outside [0, 1), no known pixel, a NaN score, an unknown target
            value, or no finite threshold that does it.
    """
    if not 0 <= fpr < 1:
        raise ParameterError(f'fpr is {fpr}; it must be at least 0 and below 1')
    known = _split(score, target, need_anomaly=False).known
    allowed = _count_within(fpr, known.size)
    highest_rejected = known[known.size - 1 - allowed]
    threshold = float(np.nextafter(highest_rejected, known.dtype.type(np.inf)))
    if not np.isfinite(threshold):
        raise ParameterError(
            f'no finite threshold keeps the false positive rate at {fpr}: known pixels score '
            f'{highest_rejected}'
        )
    return threshold


def _threshold_at_tpr(anomaly: NDArray[Any], tpr: float) -> float:
    if not 0 < tpr <= 1:
        raise ParameterError(f'tpr is {tpr}; it must be above 0 and at most 1')
    needed = int(np.ceil(tpr * anomaly.size))
    # tpr * size may round up past the count whose share is exactly tpr.
    if needed > 1 and (needed - 1) / anomaly.size >= tpr:
        needed -= 1
    return float(anomaly[anomaly.size - needed])


def _count_within(share: float, size: int) -> int:
    count = int(np.floor(share * size))
    # share * size may round down past the count whose share is exactly `share`.
    return count + 1 if (count + 1) / size <= share else count


def _split(
    score: ArrayLike, target: ArrayLike, *, need_known: bool = True, need_anomaly: bool = True
) -> SplitScores:
    """Sort the scores of the known and of the anomaly pixels, ascending."""
    split = split_scores(score, target)
    for values, name, needed in ((split.known, '0 (known)', need_known),
                                 (split.anomaly, '1 (anomaly)', need_anomaly)):
        if needed and not values.size:
            raise ParameterError(f'target has no pixel of value {name}; this metric needs some')
    return SplitScores(np.sort(split.known), np.sort(split.anomaly))
