# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where the time of a frame goes."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds of one stage after the other, from the moment it is made.

    Attributes:
        laps: seconds by name of the stage, in order.
    """

    def __init__(self) -> None:
        """Start."""
        self.laps: dict[str, float] = {}
        self._begun = self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """End a stage; the next one begins."""
        now = time.monotonic()
        self.laps[stage] = now - self._last
        self._last = now

    @property
    def total(self) -> float:
        """Return the seconds until the last stage ended."""
        return self._last - self._begun
