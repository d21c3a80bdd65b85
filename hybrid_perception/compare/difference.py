# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How far two answers to one frame are apart."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.compare.output_frame import OutputFrame
from hybrid_perception.metrics import ScoreBins
from hybrid_perception.replay.frame import Stamp

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
_BINS = ScoreBins(centre=0.0, width=1e-6, bits=6)
"""Differences of scores to 1.6 %, or to 1.6e-8 where they are below a millionth."""


@dataclass(frozen=True)
class FrameDifference:
    """One frame's numbers; None where an output is not in both bags.

    Attributes:
        prefix: name of the node.
        stamp: stamp of the frame.
        label_agreement: share of pixels with the same closed-set class, 0..1.
        open_set_label_agreement: the same with the unknown, 0..1.
        mask_iou: intersection over union of the unknown pixels; 1 where neither has any.
        score_max: largest difference of the anomaly score; infinite where only one is NaN.
        score_mean: mean of it.
    """

    prefix: str
    stamp: Stamp
    label_agreement: float | None = None
    open_set_label_agreement: float | None = None
    mask_iou: float | None = None
    score_max: float | None = None
    score_mean: float | None = None

    @property
    def severity(self) -> tuple[float, float]:
        """Order frames by how far they are apart: classes and masks first, then scores."""
        shares = (self.label_agreement, self.open_set_label_agreement, self.mask_iou)
        return (sum(1 - share for share in shares if share is not None), self.score_max or 0.0)


class ScoreHistogram:
    """The differences of the score over all pixels of all frames, in bounded memory."""

    def __init__(self) -> None:
        """Begin without any."""
        self._counts = np.zeros(_BINS.count, np.int64)
        self._maximum = 0.0

    def add(self, distance: NDArray[np.float32]) -> None:
        """Add the differences of a frame, 0 or more, no NaN."""
        self._counts += np.bincount(_BINS.index(distance).ravel(), minlength=_BINS.count)
        self._maximum = max(self._maximum, float(distance.max(initial=0.0)))

    def percentile(self, percent: float) -> float:
        """Find the difference that ``percent`` of the pixels do not exceed, to 1.6 %."""
        total = int(self._counts.sum())
        if not total:
            return math.nan
        index = int(np.searchsorted(np.cumsum(self._counts), percent / 100 * total))
        upper = float(_BINS.lowest(np.array([min(index + 1, _BINS.count - 1)]))[0])
        zero = int(_BINS.index(np.zeros(1, np.float32))[0])
        return 0.0 if index == zero else min(upper, self._maximum)


def compare_frames(
    first: OutputFrame, second: OutputFrame, histogram: ScoreHistogram
) -> FrameDifference:
    """Compare the images that both frames have.

    Images of different size have nothing in common.
    """
    shares: dict[str, float] = {}
    for name in ('label', 'open_set_label'):
        if name in first.images and name in second.images:
            shares[f'{name}_agreement'] = _agreement(first.images[name], second.images[name])
    name = 'open_set_mask'
    if name in first.images and name in second.images:
        shares['mask_iou'] = _iou(first.images[name], second.images[name])
    name = 'anomaly_score'
    if name in first.images and name in second.images:
        distance = score_distance(first.images[name], second.images[name])
        histogram.add(distance)
        shares['score_max'] = float(distance.max(initial=0.0))
        shares['score_mean'] = float(distance.mean(dtype=np.float64))
    return FrameDifference(first.prefix, first.stamp, **shares)


def score_distance(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float32]:
    """Compute the absolute difference of two scores, (H, W) float32; never NaN."""
    if first.shape != second.shape:
        return np.full(first.shape, np.inf, np.float32)
    with np.errstate(invalid='ignore'):   # infinity less infinity
        distance = np.abs(first - second)
    unknown = np.isnan(distance)
    if unknown.any():
        both = np.isnan(first) & np.isnan(second) | (first == second)
        distance[unknown] = np.where(both[unknown], 0, np.inf)
    return np.asarray(distance, np.float32)


def _agreement(first: NDArray[Any], second: NDArray[Any]) -> float:
    if first.shape != second.shape:
        return 0.0
    return np.count_nonzero(first == second) / max(1, first.size)


def _iou(first: NDArray[Any], second: NDArray[Any]) -> float:
    if first.shape != second.shape:
        return 0.0
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0
