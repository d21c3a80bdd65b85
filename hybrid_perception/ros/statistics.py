# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Counts, rates and times of the frames, written by the worker and read by diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from enum import Enum
import threading
import time

from hybrid_perception.timing import Rate, RollingStatistics


@dataclass(frozen=True)
class Counts:
    """Frames since the node was started; each received one is in one of the others, or under way.

    Attributes:
        received: taken, or known by the publisher's numbers to have been sent.
        processed: whose outputs were published.
        unread: left alone because nobody reads an output.
        overload: replaced by a newer one before their turn came.
        lost: sent while the node was free to take them, and never seen.
        late: older than `max_latency`.
        bad: that could not be read.
        faulty: dropped because the engine's answer could not be right.
        forgotten: given up because the node was deactivated, time jumped or the engine failed.
    """

    received: int = 0
    processed: int = 0
    unread: int = 0
    overload: int = 0
    lost: int = 0
    late: int = 0
    bad: int = 0
    faulty: int = 0
    forgotten: int = 0

    @property
    def under_way(self) -> int:
        """Return the frames that wait or are being worked on."""
        return 2 * self.received - sum(int(getattr(self, field.name)) for field in fields(self))


class Work(Enum):
    """What may take a frame long, in words that go before a duration."""

    WAITING = 'a frame has waited for its turn on the engine, which another camera has,'
    DECODING = 'decoding has been at work on one frame'
    INFERENCE = 'the engine has been at work on one frame'
    PUBLISHING = 'publishing has been at work on one frame'


class FrameStatistics:
    """Counts of all frames, rates and percentiles of the recent ones; safe between threads.

    Attributes:
        marked: frames among the processed of which the engine's answer could not be right in
            places; written by the inference thread alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()
        self._input = Rate()
        self._output = Rate()
        self._processing = RollingStatistics()
        self._latency = RollingStatistics()
        self._begun = time.monotonic()
        self._last_input: float | None = None
        self._listening = True
        self._listened = 0.0
        self._last_output: float | None = None
        self._work: tuple[Work, float] | None = None
        self._late: tuple[float, float] | None = None
        self.marked = 0

    def begin(self) -> None:
        """Start to listen: nothing was heard yet."""
        self.forget_rates()
        self._begun = time.monotonic()
        self._last_input = self._late = None
        self.listen(listening=True)

    def receive(self, frames: int = 1, *, overload: int = 0, lost: int = 0) -> None:
        """Note that frames came in until now.

        Args:
            frames: all of them.
            overload: those of them that were replaced before the node took them.
            lost: those of them that never came.
        """
        with self._lock:
            counts = self._counts
            self._counts = replace(
                counts, received=counts.received + frames, overload=counts.overload + overload,
                lost=counts.lost + lost)
        self._last_input = time.monotonic()
        self._input.add(frames)

    def settle(self, fate: str, frames: int = 1) -> None:
        """Put frames that were received into the field `fate` of `Counts`; once for each."""
        with self._lock:
            self._counts = replace(self._counts, **{fate: getattr(self._counts, fate) + frames})
        now = time.monotonic()
        if fate == 'late':
            self._late = (self._late[0] if self._late else now, now)
        elif fate in ('processed', 'unread'):
            self._late = None
        if fate == 'unread':   # a pause is no slow cycle
            self._last_output = None

    def listen(self, *, listening: bool) -> None:
        """Note whether frames are taken from now on; silence begins anew with that."""
        self._listening = listening
        self._listened = time.monotonic()

    @contextmanager
    def at(self, work: Work) -> Iterator[None]:
        """Note what a frame is at, in a `with` block."""
        own = self._work = work, time.monotonic()
        try:
            yield
        finally:
            if self._work is own:   # else it was given up, and another frame has begun
                self._work = None

    def give_up_work(self) -> None:
        """Note that what a frame is at is not waited for any more."""
        self._work = None

    def complete(self, *, processing: float, latency: float | None) -> float | None:
        """Note that the outputs of a frame left now; return the seconds since the last ones.

        Args:
            processing: seconds from taking the frame to the last publication.
            latency: seconds from the stamp of the frame until now; None where it has none.
        """
        now = time.monotonic()
        cycle = None if self._last_output is None else now - self._last_output
        self._last_output = now
        self._output.add()
        self._processing.add(processing)
        if latency is not None:
            self._latency.add(latency)
        return cycle

    def forget_rates(self) -> None:
        """Forget the recent frames, because time jumped."""
        for recent in (self._input, self._output, self._processing, self._latency):
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
    def late_for(self) -> float | None:
        """Return the seconds for which every frame has come too late; None where none did."""
        late = self._late
        return None if late is None else late[1] - late[0]

    @property
    def busy(self) -> tuple[Work, float] | None:
        """Return what a frame is at, and for how many seconds; None where there is no frame."""
        work = self._work
        return None if work is None else (work[0], time.monotonic() - work[1])

    @property
    def median_latency(self) -> float | None:
        """Return the median of the recent latencies in seconds; None when there is none."""
        return self._latency.percentile(50) if self._latency.count else None

    def summary(self) -> dict[str, str]:
        """Return rates and percentiles in words, for diagnostics."""
        return {
            'input rate (Hz)': f'{self._input.value:.1f}',
            'output rate (Hz)': f'{self._output.value:.1f}',
            'latency p50/p95/p99 (ms)': _percentiles(self._latency),
            'processing p50/p95/p99 (ms)': _percentiles(self._processing),
        }


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


def _percentiles(recent: RollingStatistics) -> str:
    if not recent.count:
        return 'none yet'
    return ' / '.join(f'{1000 * recent.percentile(q):.1f}' for q in (50, 95, 99))
