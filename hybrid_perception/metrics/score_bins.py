# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Bins for scores of any scale, finer the nearer to where the scores crowd."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError

_MANTISSA_BITS = 23
_ONE = 0x3F800000   # the bits of 1.0 in float32
_OCTAVES = 127
_SAMPLE = 1 << 16
_BLOCK = 1 << 16   # temporary arrays that stay in the cache


@dataclass(frozen=True)
class ScoreBins:
    """Bins whose width at distance d of the centre is about ``(d + width) / 2**bits``.

    The leading bits of the float32 number ``1 + d / width`` are the bin: one subtraction, one
    product and one shift per score, no search. Scores are taken as float32. Those farther than
    ``width * 2**127`` from the centre, infinities too, share the outermost bins.

    Attributes:
        centre: the score around which bins are finest.
        width: distance from it below which bins no longer get finer, above 0.
        bits: bins per octave, as a power of two, 1..23.

    Raises:
        ParameterError: A number outside these ranges.
    """

    centre: float
    width: float
    bits: int = 14

    def __post_init__(self) -> None:
        limits = np.finfo(np.float32)
        if not (abs(self.centre) <= limits.max and limits.tiny <= self.width <= limits.max
                and 1 <= self.bits <= _MANTISSA_BITS):
            raise ParameterError(
                f'centre is {self.centre}, width {self.width} and bits {self.bits}; want a finite '
                f'centre, a width above 0 (both in float32), and 1..{_MANTISSA_BITS} bits')

    @classmethod
    def fit(cls, score: NDArray[Any], *, bits: int = 14) -> ScoreBins:
        """Choose the place around which scores are told apart best.

        Tried are 0, the median, both ends and the most frequent score: saturated softmax scores
        crowd at an end, log ratios about their median.

        Args:
            score: some scores, at least one; infinities are passed over.
            bits: bins per octave, as a power of two.

        Raises:
            ParameterError: No finite score.
        """
        sample = score.ravel()[::max(1, score.size // _SAMPLE)].astype(np.float32)
        values, counts = np.unique(sample[np.isfinite(sample)], return_counts=True)
        if not values.size:
            raise ParameterError('there is no finite score to choose bins by')
        median = values[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]
        centres = (0.0, median, values[0], values[-1], values[np.argmax(counts)])
        candidates = [cls._around(float(centre), values, counts, bits) for centre in centres]
        collisions = [candidate._collisions(values, counts) for candidate in candidates]
        # A zero that serves nearly as well is preferred: anomalies, perhaps not seen yet, may
        # crowd at it.
        collisions[0] /= 2
        return candidates[int(np.argmin(collisions))]

    @classmethod
    def _around(
        cls, centre: float, values: NDArray[np.float32], counts: NDArray[np.int64], bits: int
    ) -> ScoreBins:
        distance = np.repeat(np.abs(values.astype(np.float64) - centre), counts)
        distance = distance[distance > 0]
        limits = np.finfo(np.float32)
        if distance.size:
            # One in a thousand is nearer: few octaves where scores are spread evenly, many where
            # they crowd; but at least 27 octaves are left for what lies farther out.
            near, middle = np.quantile(distance, [0.001, 0.5])
            width = float(middle) / 2**(_OCTAVES - 27)
            # Zero is where log probabilities of later images may crowd beyond all seen so far.
            width = width if centre == 0 else max(float(near), width)
        else:   # a flat first image says nothing about the scale
            width = max(abs(centre), 1.0) / 2**32
        return cls(centre, min(max(width, float(limits.tiny)), float(limits.max)), bits)

    def _collisions(self, values: NDArray[np.float32], counts: NDArray[np.int64]) -> float:
        """Count the ordered pairs of pixels with different scores that share a bin."""
        together = np.bincount(np.unique(self.index(values), return_inverse=True)[1], counts)
        return float(np.sum(together**2) - np.sum(counts.astype(np.float64)**2))

    @cached_property
    def count(self) -> int:
        """Number of bins."""
        return 2 * (_OCTAVES << self.bits)

    def index(self, score: NDArray[Any]) -> NDArray[np.int32]:
        """Find the bin of each score; a higher score never has a lower bin.

        Args:
            score: any shape, no NaN.

        Returns:
            The same shape, int32 in 0..count - 1.
        """
        bins = np.empty(score.shape, np.int32)
        flat, found = score.ravel(), bins.ravel()
        for start in range(0, flat.size, _BLOCK):
            found[start:start + _BLOCK] = self._index(flat[start:start + _BLOCK])
        return bins

    def _index(self, score: NDArray[Any]) -> NDArray[np.int32]:
        half = self.count // 2
        with np.errstate(over='ignore'):
            distance = score.astype(np.float32)
            distance -= np.float32(self.centre)
            scaled = np.abs(distance)
            scaled *= np.float32(1 / self.width)
        scaled += np.float32(1)
        steps = scaled.view(np.int32)
        steps -= np.int32(_ONE)
        steps >>= _MANTISSA_BITS - self.bits
        np.minimum(steps, half - 1, out=steps)
        steps ^= distance.view(np.int32) >> 31   # -1 - steps below the centre
        steps += half
        return steps

    def lowest(self, index: NDArray[Any]) -> NDArray[np.float32]:
        """Find the lowest float32 score of each bin, so that comparing with it is exact.

        Args:
            index: (M,) bins, 0..count - 1.

        Returns:
            (M,) float32; -infinity for bin 0.
        """
        # Bisection over the float32 numbers in their order: rounding hides the edges otherwise.
        low, high = self._around_edges(index)
        open_bins = np.flatnonzero(low < high)
        while open_bins.size:
            middle = (low[open_bins] + high[open_bins]) >> 1
            reaches = self.index(_from_ordered(middle)) >= index[open_bins]
            high[open_bins[reaches]] = middle[reaches]
            low[open_bins[~reaches]] = middle[~reaches] + 1
            open_bins = open_bins[low[open_bins] < high[open_bins]]
        return _from_ordered(low)

    def _around_edges(self, index: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Bracket the lowest score of each bin, as places in the order of float32 numbers."""
        half = self.count // 2
        steps = np.where(index >= half, index - half, half - index).astype(np.float64)
        octaves = np.floor(steps / 2**self.bits)
        away = self.width * (2**octaves * (1 + steps / 2**self.bits - octaves) - 1)
        edge = self.centre + np.where(index >= half, away, -away)
        # Three roundings of index(), and the score's own.
        rounding = (away + self.width) * 2.0**-20 + np.abs(edge) * 2.0**-22
        limit = float(np.finfo(np.float32).max)
        low, high = (_order(np.clip(bound, -limit, limit).astype(np.float32))
                     for bound in (edge - rounding, edge + rounding))
        # Whatever was estimated, what index() says decides.
        low[self.index(_from_ordered(low)) >= index] = _ordered(np.float32(-np.inf))
        high[self.index(_from_ordered(high)) < index] = _ordered(np.float32(np.inf))
        return low, high


def _ordered(value: np.float32) -> np.int64:
    """Number the float32 values by their order, 0 for both zeros."""
    bits = np.int64(value.view(np.int32))
    return bits if bits >= 0 else np.int64(-0x80000000) - bits


def _order(values: NDArray[np.float32]) -> NDArray[np.int64]:
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits >= 0, bits, -0x80000000 - bits)


def _from_ordered(number: NDArray[np.int64]) -> NDArray[np.float32]:
    bits = np.where(number >= 0, number, -0x80000000 - number)
    return bits.astype(np.int32).view(np.float32)
