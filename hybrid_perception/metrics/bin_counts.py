# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Counts of known and of anomaly pixels by bin, in memory only where there are some."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.metrics.targets import ANOMALY, KNOWN

_PAGE_BITS = 12
_PAGE = 1 << _PAGE_BITS
_CHUNK = 1 << 21


class OccupiedBins(NamedTuple):
    """The bins that hold pixels, (M,) descending, and their counts of both kinds, (M,) int64."""

    bins: NDArray[np.int64]
    known: NDArray[np.int64]
    anomaly: NDArray[np.int64]


class BinCounts:
    """Pages of 4096 neighbouring bins, each made when the first pixel falls into it.

    Scores of one kind crowd in a few octaves out of the 127 on either side of the bins' centre,
    so that most pages are never needed.
    """

    def __init__(self) -> None:
        self._pages: dict[int, NDArray[np.int64]] = {}   # (2, _PAGE): KNOWN, ANOMALY

    @property
    def nbytes(self) -> int:
        """Memory of the counts, bytes."""
        return sum(page.nbytes for page in self._pages.values())

    def add(self, kind: int, index: NDArray[np.int32]) -> None:
        """Count pixels.

        Args:
            kind: KNOWN or ANOMALY.
            index: (M,) their bins, 0 or above.
        """
        for start in range(0, index.size, _CHUNK):
            chunk = index[start:start + _CHUNK]
            first, last = int(chunk.min()) >> _PAGE_BITS, int(chunk.max()) >> _PAGE_BITS
            # Sorting is less work where most of the bins in between are empty.
            if (last - first) << _PAGE_BITS > 2 * chunk.size:
                self._add_sorted(kind, *np.unique(chunk, return_counts=True))
                continue
            found = np.bincount(chunk - (first << _PAGE_BITS),
                                minlength=(last + 1 - first) << _PAGE_BITS)
            for number, counts in enumerate(found.reshape(-1, _PAGE), start=first):
                if counts.any():
                    self._page(number)[kind] += counts

    def merge(self, other: BinCounts) -> None:
        """Add the counts of the same bins in another place."""
        for number, page in other._pages.items():
            mine = self._page(number)
            mine += page

    def occupied(self) -> OccupiedBins:
        """Find the bins that hold pixels, the highest first."""
        bins, known, anomaly = [], [], []
        for number in sorted(self._pages, reverse=True):
            page = self._pages[number]
            inside = np.flatnonzero(page.any(axis=0))[::-1]
            bins.append(inside + (number << _PAGE_BITS))
            known.append(page[KNOWN, inside])
            anomaly.append(page[ANOMALY, inside])
        return OccupiedBins(_joined(bins), _joined(known), _joined(anomaly))

    def _add_sorted(
        self, kind: int, bins: NDArray[np.int32], counts: NDArray[np.int64]
    ) -> None:
        pages = bins >> _PAGE_BITS
        starts = np.flatnonzero(np.diff(pages, prepend=-1))
        for start, end in zip(starts, [*starts[1:], bins.size], strict=True):
            self._page(int(pages[start]))[kind, bins[start:end] & (_PAGE - 1)] += counts[start:end]

    def _page(self, number: int) -> NDArray[np.int64]:
        if number not in self._pages:
            self._pages[number] = np.zeros((2, _PAGE), np.int64)
        return self._pages[number]


def _joined(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])
