# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How much figures would move with other images: bootstrap over images from small histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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
    # Each in the smallest type that holds it: neighbouring bins are one step apart.
    steps: NDArray[np.unsignedinteger[Any]]
    known: NDArray[np.unsignedinteger[Any]]
    anomaly: NDArray[np.unsignedinteger[Any]]

    @classmethod
    def of(cls, known: NDArray[np.int64], anomaly: NDArray[np.int64]) -> _ImageCounts:
        occupied = np.flatnonzero(known + anomaly)
        return cls(*(_smallest(values) for values in (
            np.diff(occupied, prepend=0), known[occupied], anomaly[occupied])))

    @property
    def occupied(self) -> NDArray[np.int64]:
        return np.cumsum(self.steps, dtype=np.int64)


class ImageHistograms:
    """One coarse histogram per image (512 bins per octave), so that images can be drawn again.

    An image takes some 60 KB, whatever its size. Coarse bins move a figure by up to about 1e-3:
    enough for an interval, not for the figure itself.

    Args:
        bins: where counts are kept; None = chosen by the first image.
    """

    def __init__(self, bins: ScoreBins | None = None) -> None:
        self._bins = bins
        self._images: list[_ImageCounts] = []

    def __len__(self) -> int:
        return len(self._images)

    @property
    def nbytes(self) -> int:
        """Memory of the counts, bytes."""
        return sum(part.nbytes for image in self._images for part in image)

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
            self._images.append(_ImageCounts.of(*np.zeros((2, 0), np.int64)))
            return
        if self._bins is None:
            self._bins = ScoreBins.fit(np.concatenate([known, anomaly]), bits=BITS)
        self._images.append(_ImageCounts.of(*(
            np.bincount(self._bins.index(values), minlength=self._bins.count)
            for values in (known, anomaly))))

    def average_precisions(self) -> NDArray[np.float64]:
        """Compute AP of each image by itself, (N,); NaN where it has not both kinds of pixels."""
        found = np.full(len(self), np.nan)
        for number, image in enumerate(self._images):
            true, false = (np.cumsum(c[::-1].astype(np.float64))[None]
                           for c in (image.anomaly, image.known))
            if image.steps.size and true[0, -1] and false[0, -1]:
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
        if not 0 < level < 1:
            raise ParameterError(f'level is {level}; it must be between 0 and 1')
        figures = self.resampled(resamples, tpr=tpr, seed=seed)
        return percentile_intervals(figures, level)

    def resampled(
        self, resamples: int, *, tpr: float = 0.95, seed: int | Sequence[int] = 0
    ) -> NDArray[np.float64]:
        """Compute AP, AUROC and FPR at a TPR of each resample.

        Args:
            resamples: how often images are drawn.
            tpr: detection rate of the false positive rate.
            seed: of the draws; as many images and the same seed are drawn in the same way.

        Returns:
            (resamples, 3); a row of NaN where a resample has not both kinds of pixels.

        Raises:
            ParameterError: Less than two images, or numbers out of range.
        """
        if len(self) < 2 or resamples < 2 or not 0 < tpr <= 1:
            raise ParameterError(
                f'there are {len(self)} images, resamples is {resamples} and tpr {tpr}; want at '
                f'least 2 images and 2 resamples, and a share above 0 and at most 1')
        known, anomaly = self._tables()
        draws = np.random.default_rng(seed).multinomial(
            len(self), np.full(len(self), 1 / len(self)), resamples).astype(np.float64)
        figures = np.full((resamples, 3), np.nan)
        for start in range(0, resamples, _ROWS):
            rows = draws[start:start + _ROWS]
            true, false = (np.cumsum(rows @ table, axis=1) for table in (anomaly, known))
            usable = (true[:, -1] > 0) & (false[:, -1] > 0)
            figures[start:start + _ROWS][usable] = _figures(true[usable], false[usable], tpr)
        return figures

    def _tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lay the images' counts side by side: (N, B) known and anomaly, highest scores first."""
        names = np.unique(np.concatenate([image.occupied for image in self._images]))[::-1]
        known, anomaly = np.zeros((2, len(self), names.size))
        for row, image in enumerate(self._images):
            columns = names.size - 1 - np.searchsorted(names[::-1], image.occupied)
            known[row, columns], anomaly[row, columns] = image.known, image.anomaly
        return known, anomaly


def bootstrap_difference(
    first: Sequence[ImageHistograms], second: Sequence[ImageHistograms], resamples: int = 1000, *,
    level: float = 0.95, tpr: float = 0.95, seed: int = 0,
) -> BootstrapIntervals:
    """Find intervals of how much two scores differ in the mean over sets of their figures.

    Both scores are drawn on the same images, each set by itself, so that what makes an image hard
    for both does not widen the interval.

    Args:
        first: one score on each set.
        second: the other score on the same sets, their images in the same order.
        resamples: how often.
        level: share of resamples inside the interval.
        tpr: detection rate of the false positive rate.
        seed: of the draws.

    Returns:
        Intervals of ``first - second``.

    Raises:
        ParameterError: No set, sets of other sizes, numbers out of range, or no usable resample.
    """
    sizes = [len(one) for one in first], [len(one) for one in second]
    if not sizes[0] or sizes[0] != sizes[1] or not 0 < level < 1:
        raise ParameterError(
            f'the sets have {sizes[0]} and {sizes[1]} images and level is {level}; want the same '
            f'sets twice, and a share between 0 and 1')
    differences = [
        one.resampled(resamples, tpr=tpr, seed=(seed, number))
        - other.resampled(resamples, tpr=tpr, seed=(seed, number))
        for number, (one, other) in enumerate(zip(first, second, strict=True))]
    return percentile_intervals(np.mean(differences, axis=0), level)


def percentile_intervals(figures: NDArray[np.float64], level: float) -> BootstrapIntervals:
    """Take the middle share ``level`` of resampled figures (R, 3), rows of NaN left out.

    Raises:
        ParameterError: Every row is NaN.
    """
    usable = figures[~np.isnan(figures).any(axis=1)]
    if not len(usable):
        raise ParameterError(
            'no resample has both anomalies and known pixels; images need some of both')
    tail = (1 - level) / 2
    bounds = np.quantile(usable, [tail, 1 - tail], axis=0).T.tolist()
    ap, auroc, fpr = (Interval(low, high) for low, high in bounds)
    return BootstrapIntervals(ap, auroc, fpr, len(usable))


def _smallest(values: NDArray[np.int64]) -> NDArray[np.unsignedinteger[Any]]:
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


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
