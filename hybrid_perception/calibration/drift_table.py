# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the score of a drive looks like, and how much stretches of that drive differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.metrics import ScoreBins

BINS = 20
"""Bins of the histogram; each holds as many inlier-looking pixels of the drive as any other."""

INLIER_SHARE = 0.95
"""Share of the drive's pixels, those with the lowest scores, that count as inlier-looking.

What lies above would tell of unknown things in the picture and not of the camera.
"""

LEAST_WINDOWS = 10
"""Windows without which nothing can be said on how much they differ."""

_MOST_WINDOWS = 64
_PIXELS = 1 << 14
_BITS = 5


@dataclass(frozen=True)
class DriftReference:
    """The drive that a camera is compared with.

    Attributes:
        name: of the calibration.
        edges: (BINS,) rising scores; a pixel below the first is in bin 0, one at or above the last
            is not inlier-looking.
        shares: (BINS,) share of the inlier-looking pixels in each bin; their sum is 1.
        window: frames that are compared together.
        interval: seconds between them, 0 where unknown.
        limit: largest distance of a window of the drive from the rest of it, 0..1.
        windows: number of windows of the drive.
    """

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    window: int
    interval: float
    limit: float
    windows: int


def look_at(score: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pick about 16,000 pixels of a score, evenly: (M,) float32 without NaN."""
    step = max(1, int((score.size / _PIXELS) ** 0.5))
    seen = score[::step, ::step].ravel()
    return np.asarray(seen[~np.isnan(seen)])


def distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the Jensen-Shannon distance with base 2: 0 for the same, 1 for nothing in common.

    It is symmetric, obeys the triangle inequality, and unlike the Kullback-Leibler divergence and
    the population stability index it needs no care where a bin is empty.

    Args:
        first: (..., B) shares, each row with the sum 1, or all 0 where there is no pixel.
        second: (..., B), too.

    Returns:
        (...), 0..1; 1 where a row has no pixel.

    Source: Endres and Schindelin, A New Metric for Probability Distributions (IEEE Transactions
    on Information Theory, 2003).
    """
    middle = (first + second) / 2
    divergence = np.zeros(np.broadcast_shapes(first.shape, second.shape)[:-1])
    for shares in (first, second):
        ratio = np.divide(shares, middle, out=np.ones_like(middle), where=shares > 0)
        divergence = divergence + (shares * np.log2(ratio)).sum(axis=-1) / 2
    empty = (first.sum(axis=-1) <= 0) | (second.sum(axis=-1) <= 0)
    return np.asarray(np.sqrt(np.where(empty, 1.0, divergence.clip(0.0, 1.0))))


class DriftTable:
    """Streams the frames of a drive; memory does not grow with the drive.

    Frames are gathered into windows of one length. When there are too many, neighbours are joined
    and the length doubles, so that in the end 32 to 64 windows cover the drive.
    """

    def __init__(self) -> None:
        """Begin without frames."""
        self._bins: ScoreBins | None = None
        self._windows: list[NDArray[np.float64]] = []
        self._growing: NDArray[np.float64] | None = None
        self._grown = 0
        self._length = 1
        self._stamps: list[float] = []

    def add(self, score: NDArray[np.float32], stamp: float) -> None:
        """Add a frame, in the order of the drive.

        Args:
            score: (H, W) float32, NaN where ignored.
            stamp: its time, s.
        """
        seen = look_at(score)
        if not seen.size:
            return
        if self._bins is None:
            self._bins = ScoreBins.fit(seen, bits=_BITS)
        counts = np.bincount(self._bins.index(seen), minlength=self._bins.count) / seen.size
        self._growing = counts if self._growing is None else self._growing + counts
        self._grown += 1
        if len(self._stamps) < 4096:   # enough to know the rate
            self._stamps.append(stamp)
        if self._grown == self._length:
            self._windows.append(self._growing)
            self._growing, self._grown = None, 0
        if len(self._windows) > _MOST_WINDOWS:
            self._join()

    def _join(self) -> None:
        pairs = zip(self._windows[0::2], self._windows[1::2], strict=False)
        odd = self._windows[-1] if len(self._windows) % 2 else None
        self._windows = [first + second for first, second in pairs]
        self._growing, self._grown = odd, self._length if odd is not None else 0
        self._length *= 2

    def reference(self) -> dict[str, Any] | None:
        """Return the fields of a `DriftReference` but its name, as JSON types.

        None for a drive that is too short, or whose scores are all alike.
        """
        if self._bins is None or len(self._windows) < LEAST_WINDOWS:
            return None
        windows = np.array(self._windows) / self._length
        edges = self._edges(windows.mean(axis=0))
        if edges.size < 2:
            return None
        grouped = np.stack([windows[:, low:high].sum(axis=1) for low, high in
                            zip([0, *edges[:-1]], edges, strict=True)], axis=1)
        rest = grouped.sum(axis=0) - grouped
        apart = distance(normalised(grouped), normalised(rest))
        return {
            'edges': [float(edge) for edge in self._bins.lowest(edges)],
            'shares': [float(share) for share in normalised(grouped.sum(axis=0))],
            'window': self._length,
            'interval': self._interval(),
            'limit': float(apart.max()),
            'windows': len(windows),
        }

    def _edges(self, shares: NDArray[np.float64]) -> NDArray[np.int64]:
        """Choose the bins at which the histogram's bins end: those nearest to even shares."""
        below = np.concatenate([[0.0], np.cumsum(shares)])
        wanted = INLIER_SHARE * np.arange(1, BINS + 1) / BINS
        edges = np.unique(np.searchsorted(below, wanted * (1 - 1e-12)))
        return np.asarray(edges[(edges > 0) & (edges < shares.size)])

    def _interval(self) -> float:
        """Return the usual time between frames; 0 where stamps do not tell."""
        steps = np.diff(self._stamps)
        steps = steps[steps > 0]
        return float(np.median(steps)) if steps.size else 0.0


def normalised(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide each row, (..., B), by its sum; a row of zeros stays."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(
        counts, total, out=np.zeros_like(counts, dtype=np.float64), where=total > 0))
