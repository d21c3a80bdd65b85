# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The fixed scale of scores in a view, and the 8-bit codes in which a page carries them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
import math

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.rendering import anomaly_color

MAX_EDGES = 254
NOTHING_SAID = 0
BELOW_ALL = 1


@dataclass(frozen=True, eq=False)
class ScoreScale:
    """Scores as codes between fixed edges.

    Code 0 is a score of NaN, 1 a score below the first edge, and 1 + k one that has reached k
    edges. Hence ``score >= edges[k]`` is the same as ``code >= k + 2``: a mask at an edge is
    exact. Inside of the range a score is known to ``resolution``.

    Attributes:
        edges: (N,) float32, rising; 2 <= N <= 254. The first and the last are the range.
    """

    edges: NDArray[np.float32]

    @classmethod
    def build(
        cls, color_range: tuple[float, float], thresholds: Iterable[float]
    ) -> ScoreScale:
        """Lay edges evenly over a range, and one on each threshold.

        Args:
            color_range: scores of the darkest and the brightest colour; widened to the
                thresholds where they lie outside.
            thresholds: finite; those where masks must be exact.

        Raises:
            ParameterError: The range is empty, a number is not finite, or there are more
                thresholds than fit beside an even grid.
        """
        wanted = sorted(set(thresholds))
        if len(wanted) > MAX_EDGES // 2:
            raise ParameterError(
                f'{len(wanted)} operating points; a view holds {MAX_EDGES // 2} at most')
        finite = all(map(math.isfinite, (*color_range, *wanted)))
        if not finite or color_range[0] >= color_range[1]:
            raise ParameterError(
                f'the scale goes from {color_range[0]} to {color_range[1]} with thresholds at '
                f'{wanted}; want VMIN < VMAX, all finite')
        low, high = min([*wanted, color_range[0]]), max([*wanted, color_range[1]])
        grid = np.linspace(low, high, MAX_EDGES - len(wanted))
        return cls(np.unique(np.concatenate((grid, wanted)).astype(np.float32)))

    @property
    def vmin(self) -> float:
        """Score of the darkest colour and of all below."""
        return float(self.edges[0])

    @property
    def vmax(self) -> float:
        """Score of the brightest colour and of all above."""
        return float(self.edges[-1])

    @property
    def resolution(self) -> float:
        """Widest distance of two edges: no score inside of the range is known worse."""
        return float(np.diff(self.edges).max())

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """Return the colour of each code, (256, 3) uint8 RGB; unused codes are black."""
        middles = (self.edges[:-1] + self.edges[1:]) / 2
        scores = np.concatenate(
            ([np.nan, self.edges[0]], middles, [self.edges[-1]])).astype(np.float32)
        palette = np.zeros((256, 3), np.uint8)
        palette[:scores.size] = anomaly_color(scores[None], vmin=self.vmin, vmax=self.vmax)[0]
        return palette

    def edge(self, threshold: float) -> int:
        """Return the number of the edge that is nearest to a threshold."""
        return int(np.abs(self.edges.astype(np.float64) - threshold).argmin())

    def encode(self, score: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Turn scores into codes.

        Args:
            score: float32 of any shape, NaN where nothing is said.

        Returns:
            uint8 of the same shape.
        """
        codes = (np.searchsorted(self.edges, score, side='right') + BELOW_ALL).astype(np.uint8)
        codes[np.isnan(score)] = NOTHING_SAID
        return codes
