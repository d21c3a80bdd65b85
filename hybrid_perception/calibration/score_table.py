# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The distribution of the anomaly score over a drive, and thresholds with a guarantee."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import ScoreBins

_ROUNDING = 1e-12


class ScoreTable:
    """Streams frames of a drive believed normal; memory does not grow with the drive.

    Every frame weighs the same, however many of its pixels are looked at.
    """

    def __init__(self, *, bits: int = 12) -> None:
        """Begin without frames.

        Args:
            bits: scores are told apart to ``2**-bits`` of their distance from where they crowd.
        """
        self._bits = bits
        self._bins: ScoreBins | None = None
        self._mass: NDArray[np.float64] = np.zeros(0)
        self.frames = 0

    def add(self, score: NDArray[np.float32]) -> bool:
        """Add a frame.

        Args:
            score: (H, W) float32, NaN where ignored.

        Returns:
            Whether it had a score at all.
        """
        seen = score[~np.isnan(score)]
        if not seen.size:
            return False
        if self._bins is None:
            self._bins = ScoreBins.fit(seen, bits=self._bits)
            self._mass = np.zeros(self._bins.count)
        counts = np.bincount(self._bins.index(seen), minlength=self._bins.count)
        self._mass += counts / seen.size
        self.frames += 1
        return True

    @property
    def lowest_rate(self) -> float:
        """The lowest false positive rate that this many frames can guarantee."""
        return 1 / (self.frames + 1)

    def threshold(self, rate: float) -> float:
        """Choose the lowest threshold whose guaranteed false positive rate is ``rate``.

        For n frames and one more that is exchangeable with them, the expected share of its pixels
        with a score at or above the threshold is at most ``rate``. The threshold is the lowest t
        with ``n / (n + 1) * R(t) + 1 / (n + 1) <= rate``, where R(t) is the mean share over the
        frames. Rounding to the bins only raises it.

        Args:
            rate: share of normal pixels taken for unknown, 0..1.

        Raises:
            ParameterError: Too few frames for so low a rate, or a rate outside 0..1.

        Source: Angelopoulos et al., Conformal Risk Control (ICLR 2024), theorem 1 with B = 1.
        """
        if not 0 < rate < 1:
            raise ParameterError(f'the false positive rate is {rate}; it must lie between 0 and 1')
        if self._bins is None or rate < self.lowest_rate - _ROUNDING:
            needed = int(np.ceil(1 / rate - 1 - _ROUNDING))
            raise ParameterError(
                f'{self.frames} frames cannot guarantee a false positive rate of {rate:g}: it '
                f'needs {needed} frames, and these allow {self.lowest_rate:.3g} at best')
        allowed = rate - (1 - rate) / self.frames
        within = self._shares_at_or_above() <= allowed + _ROUNDING
        if not within.any():   # scores beyond all bins
            raise ParameterError('the scores of this drive are too large to choose a threshold')
        return float(self._bins.lowest(np.array([np.argmax(within)]))[0])

    def rate(self, threshold: float) -> float:
        """Measure the mean share of pixels at or above a threshold of ``threshold``."""
        if self._bins is None:
            return 0.0
        index = int(self._bins.index(np.array([threshold], np.float32))[0])
        return float(self._shares_at_or_above()[index])

    def quantile(self, share: float) -> float:
        """Find the score below which about a share of the pixels lies, to the width of a bin.

        Raises:
            ParameterError: No frame was added.
        """
        if self._bins is None:
            raise ParameterError('there is no frame with a score')
        below = np.cumsum(self._mass) / self.frames
        index = min(int(np.searchsorted(below, share * (1 - _ROUNDING))), self._bins.count - 1)
        return float(self._bins.lowest(np.array([max(1, index)]))[0])

    def _shares_at_or_above(self) -> NDArray[np.float64]:
        return np.asarray(np.cumsum(self._mass[::-1])[::-1] / self.frames)
