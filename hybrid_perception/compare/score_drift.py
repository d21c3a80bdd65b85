# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How far the scores of one bag, taken together, have moved from those of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.calibration.drift_table import BINS, distance, look_at, normalised
from hybrid_perception.metrics import ScoreBins

_BITS = 5


class ScoreDrift:
    """Streams pairs of scores; memory does not grow with the bags.

    Differences of pixels that cancel out do not show here, and a small move of all scores, which
    moves the share of pixels above a threshold, does.
    """

    def __init__(self) -> None:
        """Begin without frames."""
        self._bins: ScoreBins | None = None
        self._shares = np.zeros((2, 0))

    def add(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        """Add the scores of a frame, (H, W) float32 each, NaN where nothing is said.

        Every frame weighs the same. One without a score in either bag is passed over.
        """
        seen = [look_at(score) for score in (first, second)]
        if not all(scores.size for scores in seen):
            return
        if self._bins is None:
            self._bins = ScoreBins.fit(seen[0], bits=_BITS)
            self._shares = np.zeros((2, self._bins.count))
        for row, scores in zip(self._shares, seen, strict=True):
            row += np.bincount(self._bins.index(scores), minlength=row.size) / scores.size

    def distance(self) -> float | None:
        """Compute the Jensen-Shannon distance: 0 alike, 1 nothing in common; None without frames.

        Over bins that each hold as many scores of the first bag as any other, and two outside.
        """
        if self._bins is None:
            return None
        shares = normalised(self._shares)
        below = np.cumsum(shares[0])
        wanted = np.arange(1, BINS + 1) / BINS
        edges = np.searchsorted(below, wanted * (1 - 1e-12)) + 1
        # What lies below and above all scores of the first bag has bins of its own.
        starts = np.unique(np.concatenate([[0, np.argmax(below > 0)], edges]))
        starts = starts[starts < shares.shape[1]]
        grouped = np.add.reduceat(shares, starts, axis=1)
        return float(distance(grouped[0], grouped[1]))
