# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Durations and rates of the recent past, and when stamps have jumped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import threading
import time

import numpy as np

from hybrid_perception.exceptions import ParameterError

TIME_JUMP = 1.0
"""Seconds by which stamps go back when a bag starts anew; less is mere reordering."""


class RollingStatistics:
    """Percentiles of the last measurements; safe between threads."""

    def __init__(self, window: int = 100) -> None:
        """Start empty.

        Args:
            window: Number of measurements kept.

        Raises:
            ParameterError: ``window`` is below 2.
        """
        if window < 2:
            raise ParameterError(f'window is {window}; at least 2 is needed')
        self._samples: deque[float] = deque(maxlen=window)
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Add a measurement."""
        with self._lock:
            self._samples.append(seconds)

    def percentile(self, q: float) -> float:
        """Compute a percentile of the kept measurements.

        Args:
            q: 0..100.

        Returns:
            Seconds; NaN if there is no measurement.
        """
        with self._lock:
            durations = list(self._samples)
        return float(np.percentile(durations, q)) if durations else float('nan')

    @property
    def count(self) -> int:
        """Number of kept measurements."""
        return len(self._samples)

    def reset(self) -> None:
        """Forget all measurements, for example after a jump in time."""
        with self._lock:
            self._samples.clear()


class Rate:
    """Events per second of the recent past, however they are bunched; safe between threads."""

    def __init__(
        self, horizon: float = 5.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start empty.

        Args:
            horizon: Seconds looked back, so that the rate falls to 0 when nothing comes.
            clock: Source of the time in seconds.

        Raises:
            ParameterError: ``horizon`` is not positive.
        """
        if horizon <= 0:
            raise ParameterError(f'horizon is {horizon}; it must be above 0')
        self._events: deque[tuple[float, int]] = deque()
        self._horizon = horizon
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, events: int = 1) -> None:
        """Add events that happened since the last ones."""
        now = self._clock()
        with self._lock:
            self._events.append((now, events))
            self._forget_before(now - self._horizon)

    @property
    def value(self) -> float:
        """Events per second over the horizon; 0 until they have come twice."""
        now = self._clock()
        with self._lock:
            self._forget_before(now - self._horizon)
            if len(self._events) < 2 or now <= self._events[0][0]:
                return 0.0
            # Those of the first entry happened before it.
            events = sum(number for _, number in self._events) - self._events[0][1]
            return events / (now - self._events[0][0])

    def reset(self) -> None:
        """Forget all events."""
        with self._lock:
            self._events.clear()

    def _forget_before(self, moment: float) -> None:
        while self._events and self._events[0][0] < moment:
            self._events.popleft()
