# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How much figures would move with other images: bootstrap over images from small histograms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics.score_bins import ScoreBins
from hybrid_perception.metrics.targets import split_scores

BITS = 9
_ROWS = 64


class Interval(NamedTuple):
    """A percentile interval."""

    low: float
    high: float


class BootstrapIntervals(NamedTuple):
    """Intervals of the pooled figures, and how many resamples had both kinds of pixels."""

    average_precision: Interval
    auroc: Interval
    fpr_at_tpr: Interval
    resamples: int


class _ImageCounts(NamedTuple):
    occupied: NDArray[np.int64]
    known: NDArray[np.float32]
    anomaly: NDArray[np.float32]


class ImageHistograms:
    """One coarse histogram per image (512 bins per octave), so that images can be drawn again.

    An image takes some 100 KB, whatever its size. Coarse bins move a figure by up to about 1e-3:
    enough for an interval, not for the figure itself.

    Args:
        bins: where counts are kept; None = chosen by the first image.
    """

    def __init__(self, bins: ScoreBins | None = None) -> None:
        self._bins = bins
        self._images: list[_ImageCounts] = []

    def __len__(self) -> int:
        return len(self._images)

    def update(self, score: ArrayLike, target: ArrayLike) -> None:
        """Add one image.

        Args:
            score: any shape, higher = more anomalous.
            target: the same shape; 0 known, 1 anomaly, 2 or 255 void.

        Raises:
            ParameterError: As for ``StreamingRanking.update``.
        """
        known, anomaly = split_scores(score, target)
        if not known.size + anomaly.size:   # all void: still one of the images
            empty = np.zeros(0, np.float32)
            self._images.append(_ImageCounts(np.zeros(0, np.int64), empty, empty))
            return
        if self._bins is None:
            self._bins = ScoreBins.fit(np.concatenate([known, anomaly]), bits=BITS)
        rows = [np.bincount(self._bins.index(values), minlength=self._bins.count)
                for values in (known, anomaly)]
        occupied = np.flatnonzero(rows[0] + rows[1])
        self._images.append(_ImageCounts(
            occupied, *(row[occupied].astype(np.float32) for row in rows)))

    def average_precisions(self) -> NDArray[np.float64]:
        """Compute AP of each image by itself, (N,); NaN where it has not both kinds of pixels."""
        found = np.full(len(self), np.nan)
        for number, image in enumerate(self._images):
            true, false = (np.cumsum(c[::-1].astype(np.float64))[None]
                           for c in (image.anomaly, image.known))
            if image.occupied.size and true[0, -1] and false[0, -1]:
                found[number] = _figures(true, false, 0.95)[0, 0]
        return found

    def bootstrap(
        self, resamples: int = 1000, *, level: float = 0.95, tpr: float = 0.95, seed: int = 0
    ) -> BootstrapIntervals:
        """Draw as many images as there are, with replacement, again and again.

        Resamples without an anomaly or without a known pixel are left out.

        Args:
            resamples: how often.
            level: share of resamples inside the interval.
            tpr: detection rate of the false positive rate.
            seed: of the draws; the same seed gives the same intervals.

        Raises:
            ParameterError: Less than two images, numbers out of range, or no usable resample.
        """
        if len(self) < 2 or resamples < 2 or not 0 < level < 1 or not 0 < tpr <= 1:
            raise ParameterError(
                f'there are {len(self)} images, resamples is {resamples}, level {level} and tpr '
                f'{tpr}; want at least 2 images and 2 resamples, and shares between 0 and 1')
        known, anomaly = self._tables()
        draws = np.random.default_rng(seed).multinomial(
            len(self), np.full(len(self), 1 / len(self)), resamples).astype(np.float64)
        parts = []
        for start in range(0, resamples, _ROWS):
            rows = draws[start:start + _ROWS]
            true, false = (np.cumsum(rows @ table, axis=1) for table in (anomaly, known))
            usable = (true[:, -1] > 0) & (false[:, -1] > 0)
            parts.append(_figures(true[usable], false[usable], tpr))
        figures = np.concatenate(parts)
        if not len(figures):
            raise ParameterError(
                'no resample has both anomalies and known pixels; images need some of both')
        tail = (1 - level) / 2
        bounds = np.quantile(figures, [tail, 1 - tail], axis=0).T.tolist()
        ap, auroc, fpr = (Interval(low, high) for low, high in bounds)
        return BootstrapIntervals(ap, auroc, fpr, len(figures))

    def _tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lay the images' counts side by side: (N, B) known and anomaly, highest scores first."""
        names = np.unique(np.concatenate([image.occupied for image in self._images]))[::-1]
        known, anomaly = np.zeros((2, len(self), names.size))
        for row, image in enumerate(self._images):
            columns = names.size - 1 - np.searchsorted(names[::-1], image.occupied)
            known[row, columns], anomaly[row, columns] = image.known, image.anomaly
        return known, anomaly


def _figures(
    true: NDArray[np.float64], false: NDArray[np.float64], tpr: float
) -> NDArray[np.float64]:
    """Compute AP, AUROC and FPR at a TPR from cumulative counts (R, B), as (R, 3)."""
    recall, fpr = true / true[:, -1:], false / false[:, -1:]
    precision = true / np.maximum(true + false, 1)
    ap = (np.diff(recall, axis=1, prepend=0) * precision).sum(axis=1)
    before = np.concatenate([np.zeros((len(recall), 1)), recall[:, :-1]], axis=1)
    auroc = (np.diff(fpr, axis=1, prepend=0) * (recall + before)).sum(axis=1) / 2
    reached = np.argmax(recall >= tpr, axis=1)
    return np.stack([ap, auroc, fpr[np.arange(len(fpr)), reached]], axis=1)
