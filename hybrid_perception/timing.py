# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Rolling statistics of durations."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import threading
import time

import numpy as np

from hybrid_perception.exceptions import ParameterError


class RollingStatistics:
    """Percentiles and rate of the last measurements; safe between threads."""

    def __init__(
        self,
        window: int = 100,
        *,
        horizon: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start empty.

        Args:
            window: Number of measurements kept.
            horizon: Seconds that the rate looks back, so that it falls to 0 when nothing comes.
            clock: Source of the time in seconds.

        Raises:
            ParameterError: ``window`` is below 2 or ``horizon`` is not positive.
        """
        if window < 2 or horizon <= 0:
            raise ParameterError(
                f'window is {window} and horizon {horizon}; at least 2 and above 0 are needed'
            )
        self._samples: deque[tuple[float, float]] = deque(maxlen=window)
        self._horizon = horizon
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Add a measurement that ended now."""
        with self._lock:
            self._samples.append((self._clock(), seconds))

    def percentile(self, q: float) -> float:
        """Compute a percentile of the kept measurements.

        Args:
            q: 0..100.

        Returns:
            Seconds; NaN if there is no measurement.
        """
        with self._lock:
            durations = [seconds for _, seconds in self._samples]
        return float(np.percentile(durations, q)) if durations else float('nan')

    @property
    def count(self) -> int:
        """Number of kept measurements."""
        return len(self._samples)

    @property
    def rate(self) -> float:
        """Measurements per second over the horizon; 0 with fewer than two of them."""
        now = self._clock()
        with self._lock:
            recent = [moment for moment, _ in self._samples if now - moment <= self._horizon]
        if len(recent) < 2 or now <= recent[0]:
            return 0.0
        return (len(recent) - 1) / (now - recent[0])

    def reset(self) -> None:
        """Forget all measurements, for example after a jump in time."""
        with self._lock:
            self._samples.clear()
