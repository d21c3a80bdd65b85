# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the camera still looks like the drive that its threshold was calibrated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.calibration.drift_table import (
    DriftReference,
    distance,
    look_at,
    normalised,
)
from hybrid_perception.timing import TIME_JUMP

STRIKES = 2
"""Windows in a row that must be too far away."""

_EARLY = 0.9
"""Share of the interval from which on a frame is taken; camera rates are never exact."""


@dataclass(frozen=True)
class DriftState:
    """What is known now.

    Attributes:
        windows: windows that were compared.
        frames: frames of the window that is growing.
        distance: of the last window from the drive, 0..1; None where there is none yet.
        limit: distance from which on a window is too far away.
        strikes: windows in a row, up to the last, that were.
        inlier_share: share of the last window's pixels that look like inliers, 0..1.
    """

    windows: int = 0
    frames: int = 0
    distance: float | None = None
    limit: float = 1.0
    strikes: int = 0
    inlier_share: float = 0.0

    @property
    def drifted(self) -> bool:
        """Whether the camera no longer looks like the drive."""
        return self.strikes >= STRIKES


class DriftMonitor:
    """Compares window after window with a drive; for one thread, while others read `state`.

    The windows are as long as those of the drive and their frames as far apart in time, so that
    the distances compare.
    """

    def __init__(self, reference: DriftReference, tolerance: float) -> None:
        """Begin without frames.

        Args:
            reference: the drive.
            tolerance: factor on its limit, above 0.
        """
        self.reference = reference
        self._limit = min(1.0, tolerance * reference.limit)
        self._edges = np.array(reference.edges, np.float32)
        self._shares = np.array(reference.shares)
        self._begin()

    @property
    def state(self) -> DriftState:
        """What is known now; a value that does not change any more."""
        return self._state

    def reset(self) -> None:
        """Forget everything: time jumped."""
        self._begin()

    def _begin(self) -> None:
        self._state = DriftState(limit=self._limit)
        self._sum = np.zeros(len(self._edges) + 1)
        self._last: float | None = None

    def add(self, score: NDArray[np.float32], stamp: float) -> None:
        """Look at a frame, unless the last one that was looked at is too near.

        Args:
            score: (H, W) float32, NaN where ignored.
            stamp: its time, s; 0 where unknown. Time that goes back by more than ``TIME_JUMP``
                starts anew.
        """
        if not stamp:
            stamp = self._last or 0.0
        if self._last is not None and stamp < self._last - TIME_JUMP:
            self.reset()
        near = self._last is not None and stamp != self._last and (
            stamp - self._last < _EARLY * self.reference.interval)
        seen = look_at(score) if not near else score[:0]
        if not seen.size:
            return
        self._last = stamp
        # Bins are closed below: a pixel at an edge belongs to the bin above it.
        places = np.searchsorted(self._edges, seen, side='right')
        self._sum += np.bincount(places, minlength=self._sum.size) / seen.size
        state = self._state
        frames = state.frames + 1
        if frames < self.reference.window:
            self._state = DriftState(state.windows, frames, state.distance, state.limit,
                                     state.strikes, state.inlier_share)
            return
        apart = float(distance(normalised(self._sum[:-1]), self._shares))
        self._state = DriftState(
            state.windows + 1, 0, apart, state.limit,
            state.strikes + 1 if apart > state.limit else 0,
            float(self._sum[:-1].sum() / frames))
        self._sum = np.zeros_like(self._sum)
