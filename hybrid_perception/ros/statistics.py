# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Counts and rates of the frames, written by the worker and read by diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
import threading
import time

from hybrid_perception.timing import RollingStatistics


@dataclass(frozen=True)
class Counts:
    """Frames since the node was started.

    Each one that was received is, in the end, in exactly one of the others; `forgotten` were
    waiting or at work when time jumped, the node was deactivated, or the engine failed.
    """

    received: int = 0
    processed: int = 0
    overload: int = 0
    late: int = 0
    bad: int = 0
    unread: int = 0
    forgotten: int = 0


class FrameStatistics:
    """Counts of all frames, rates and percentiles of the recent ones; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()
        self._input = RollingStatistics()
        self._processing = RollingStatistics()
        self._latency = RollingStatistics()
        self._begun = time.monotonic()
        self._last_input: float | None = None
        self._listening = True
        self._listened = 0.0
        self._last_output: float | None = None
        self._inference_begun: float | None = None

    def begin(self) -> None:
        """Start to listen: nothing was heard yet."""
        self.forget_rates()
        self._begun = time.monotonic()
        self._last_input = None
        self.listen(listening=True)

    def count(self, name: str, frames: int = 1) -> None:
        """Add frames to the field `name` of `Counts`."""
        with self._lock:
            self._counts = replace(self._counts, **{name: getattr(self._counts, name) + frames})

    def receive(self, frames: int = 1) -> None:
        """Note that frames came in until now."""
        self.count('received', frames)
        self._last_input = time.monotonic()
        for _ in range(frames):
            self._input.add(0.0)  # only its rate is of interest

    def listen(self, *, listening: bool) -> None:
        """Note whether frames are taken from now on; silence begins anew with that."""
        self._listening = listening
        self._listened = time.monotonic()

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Note that the engine is at work on a frame, in a `with` block."""
        self._inference_begun = time.monotonic()
        try:
            yield
        finally:
            self._inference_begun = None

    def complete(self, *, processing: float, latency: float | None) -> float | None:
        """Note that the outputs of a frame left now; return the seconds since the last ones.

        Args:
            processing: seconds from taking the frame to the last publication.
            latency: seconds from the stamp of the frame until now; None where it has none.
        """
        self.count('processed')
        now = time.monotonic()
        cycle = None if self._last_output is None else now - self._last_output
        self._last_output = now
        self._processing.add(processing)
        if latency is not None:
            self._latency.add(latency)
        return cycle

    def skip(self) -> None:
        """Note that a frame was left alone because nobody reads; a pause is no slow cycle."""
        self.count('unread')
        self._last_output = None

    def forget_rates(self) -> None:
        """Forget the recent frames, because time jumped."""
        for recent in (self._input, self._processing, self._latency):
            recent.reset()
        self._last_output = None

    @property
    def counts(self) -> Counts:
        """Return the counts of now."""
        with self._lock:
            return self._counts

    @property
    def heard(self) -> bool:
        """Return whether a frame came since the node began to listen."""
        return self._last_input is not None

    @property
    def silence(self) -> float:
        """Return the seconds of listening since the last frame, or since the node began to."""
        if not self._listening:
            return 0.0
        return time.monotonic() - max(self._last_input or self._begun, self._listened)

    @property
    def engine_busy(self) -> float:
        """Return the seconds for which the engine has been at work on a frame; 0: it is not."""
        begun = self._inference_begun
        return 0.0 if begun is None else time.monotonic() - begun

    @property
    def median_latency(self) -> float | None:
        """Return the median of the recent latencies in seconds; None when there is none."""
        return self._latency.percentile(50) if self._latency.count else None

    def summary(self) -> dict[str, str]:
        """Return rates and percentiles in words, for diagnostics."""
        return {
            'input rate (Hz)': f'{self._input.rate:.1f}',
            'output rate (Hz)': f'{self._processing.rate:.1f}',
            'latency p50/p95/p99 (ms)': _percentiles(self._latency),
            'processing p50/p95/p99 (ms)': _percentiles(self._processing),
        }


def _percentiles(recent: RollingStatistics) -> str:
    if not recent.count:
        return 'none yet'
    return ' / '.join(f'{1000 * recent.percentile(q):.1f}' for q in (50, 95, 99))
