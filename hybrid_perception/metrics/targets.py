# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The codes of an anomaly mask, and its split into scores of known and of anomaly pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybrid_perception.exceptions import ParameterError

KNOWN, ANOMALY = 0, 1
VOID = (2, 255)


class SplitScores(NamedTuple):
    """Scores of the pixels that count, flat, in the order of the image."""

    known: NDArray[Any]
    anomaly: NDArray[Any]


def check_targets(target: NDArray[Any]) -> None:
    """Refuse a mask with other codes.

    Args:
        target: any shape; 0 known, 1 anomaly, 2 or 255 void.

    Raises:
        ParameterError: The mask holds another value.
    """
    if not ((target == KNOWN) | (target == ANOMALY) | np.isin(target, VOID)).all():
        raise ParameterError(
            'target holds values other than 0 (known), 1 (anomaly) and 2 or 255 (void); '
            'a class label must be turned into an anomaly mask first'
        )


def split_scores(score: ArrayLike, target: ArrayLike) -> SplitScores:
    """Pick the scores of known and of anomaly pixels.

    Args:
        score: any shape, higher = more anomalous; integers become float64.
        target: the same shape; 0 known, 1 anomaly, 2 or 255 void.

    Raises:
        ParameterError: The shapes differ, a target has another value, or a score that counts is
            NaN.
    """
    scores, targets = np.asarray(score), np.asarray(target)
    if scores.shape != targets.shape:
        raise ParameterError(
            f'score {scores.shape} and target {targets.shape} must have the same shape'
        )
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    is_known, is_anomaly = targets == KNOWN, targets == ANOMALY
    if np.count_nonzero(is_known) + np.count_nonzero(is_anomaly) < targets.size:
        check_targets(targets)
    split = SplitScores(scores[is_known], scores[is_anomaly])
    if any(values.size and np.isnan(np.min(values)) for values in split):
        # Leaving such pixels out would flatter a detector that gives no answer.
        raise ParameterError(
            'score is NaN at a pixel whose target is not void; set target to 255 where the '
            'score is ignored on purpose'
        )
    return split
