# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ranking metrics of any number of pixels in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics.bin_counts import BinCounts
from hybrid_perception.metrics.curve import RankingCurve
from hybrid_perception.metrics.score_bins import ScoreBins
from hybrid_perception.metrics.targets import ANOMALY, KNOWN, split_scores


class RankingErrors(NamedTuple):
    """How far a streamed figure can be from the exact one at most."""

    average_precision: float
    auroc: float
    fpr_at_tpr: float


class StreamingRanking:
    """Counts of known and of anomaly pixels by score, updated image by image.

    Scores in one bin count as tied. Memory is that of the bins that scores fall near to, some 6 MB
    for log ratios and at most 67 MB at the default 14 bits, however many pixels come, plus the
    temporary arrays of one image. On log ratios, saturated softmax scores,
    light and heavy tails, float16 and 8 bit scores the figures keep within 1e-4 of the exact
    ones. Scores that crowd at two places (a probability saturated at both 0 and 1) can exceed
    that: rank by its logarithm instead. For the pixels at hand ``errors`` gives a proven bound.

    Args:
        bins: where counts are kept; None = chosen by the first update.
    """

    def __init__(self, bins: ScoreBins | None = None) -> None:
        self._bins = bins
        self._counts = BinCounts()

    @property
    def bins(self) -> ScoreBins | None:
        """The bins in use, to start another stream that can be merged with this one."""
        return self._bins

    @property
    def nbytes(self) -> int:
        """Memory of the counts, bytes."""
        return self._counts.nbytes

    def update(self, score: ArrayLike, target: ArrayLike) -> None:
        """Count pixels.

        Args:
            score: any shape, higher = more anomalous; taken as float32.
            target: the same shape; 0 known, 1 anomaly, 2 or 255 void.

        Raises:
            ParameterError: The shapes differ, an unknown target value, a NaN score that counts,
                or a first update without any finite score.
        """
        known, anomaly = split_scores(score, target)
        if not known.size + anomaly.size:
            return
        if self._bins is None:
            self._bins = ScoreBins.fit(np.concatenate([known, anomaly]))
        self._counts.add(KNOWN, self._bins.index(known))
        self._counts.add(ANOMALY, self._bins.index(anomaly))

    def merge(self, other: StreamingRanking) -> None:
        """Add the pixels of another stream.

        Raises:
            ParameterError: It keeps its counts in other bins.
        """
        if other._bins is None:
            return
        if self._bins is None:
            self._bins = other._bins
        if self._bins != other._bins:
            raise ParameterError(
                f'bins {self._bins} and {other._bins} differ; start both streams with the same '
                f'bins: StreamingRanking(first.bins)')
        self._counts.merge(other._counts)

    def curve(self) -> RankingCurve:
        """Read the curve, whose points are the bins that hold pixels.

        Raises:
            ParameterError: No anomaly or no known pixel came yet.
        """
        index, known, anomaly = self._counts.occupied()
        lowest = (self._bins.lowest(index) if self._bins is not None
                  else np.zeros(0, np.float32))
        return RankingCurve(lowest, np.cumsum(anomaly), np.cumsum(known))

    def errors(self, tpr: float = 0.95) -> RankingErrors:
        """Bound the errors by the orders that the pixels within each bin can have.

        Proven for the float32 scores that were counted, whatever their distribution. Pixels that
        really tie count as unordered too, so for coarse scores the bound is generous: there the
        figures are exact.

        Raises:
            ParameterError: No anomaly or no known pixel came yet.
        """
        index, known, anomaly = self._counts.occupied()
        # Thresholds take longest to find, and no error needs them.
        curve = RankingCurve(
            np.zeros(index.size, np.float32), np.cumsum(anomaly), np.cumsum(known))
        true, false = curve.true_positives, curve.false_positives
        crossing = np.argmax(curve.tpr >= tpr)
        return RankingErrors(
            max(abs(bound - curve.average_precision())
                for bound in _average_precision_bounds(true, false, anomaly, known)),
            float(np.sum(anomaly.astype(np.float64) * known) / 2 / true[-1] / false[-1]),
            float(known[crossing] / false[-1]))


def _average_precision_bounds(
    true: NDArray[np.int64], false: NDArray[np.int64],
    anomaly: NDArray[np.int64], known: NDArray[np.int64],
) -> tuple[float, float]:
    """Bound AP over every order and every tie inside the bins.

    In a bin the j-th anomaly has at least the precision that it has behind all known pixels of
    the bin; this is concave in j, so its mean is at least the mean of its ends. No anomaly has
    more than the precision of all the bin's anomalies before its first known pixel.
    """
    before_true, before_false = true - anomaly, false - known
    first = (before_true + 1) / (before_true + 1 + false)
    last = true / np.maximum(true + false, 1)
    # A bin without anomalies has no weight; its bound may be anything that is a number.
    best = true / np.maximum(true + before_false, 1)
    weight = anomaly / true[-1]
    return float(np.sum(weight * (first + last)) / 2), float(np.sum(weight * best))
