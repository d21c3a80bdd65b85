# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How far a build is, from the phases that TensorRT reports, and the way to stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import threading
from typing import Any


@dataclass
class _Phase:
    parent: str
    steps: int
    done: int = 0


class BuildProgress:
    """Turns phases, which contain each other, into one percentage that never falls.

    The builder may call from several threads at a time (NvInfer.h, IProgressMonitor).
    """

    def __init__(self, report: Callable[[int], None], stop: threading.Event) -> None:
        """Start at nothing.

        Args:
            report: Called with 0..100 whenever the percentage grows, by one thread at a time.
            stop: Ends the build at its next step when it is set.
        """
        self._report = report
        self._stop = stop
        self._phases: dict[str, _Phase] = {}
        self._percent = -1
        self._lock = threading.Lock()

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Note that a phase begins."""
        with self._lock:
            self._phases[name] = _Phase(parent or '', max(1, steps))
            self._tell()

    def step(self, name: str, step: int) -> bool:
        """Note that a step, counted from 0, is done; return whether to go on."""
        with self._lock:
            if name in self._phases:
                self._phases[name].done = step + 1
                self._tell()
        return not self._stop.is_set()

    def finish(self, name: str) -> None:
        """Note that a phase ended."""
        with self._lock:
            phase = self._phases.get(name)
            if phase is not None:
                phase.done = phase.steps
                self._tell()
                del self._phases[name]

    def _tell(self) -> None:
        roots = [name for name, phase in self._phases.items() if phase.parent not in self._phases]
        percent = int(100 * max((self._fraction(name) for name in roots), default=0))
        # A build that is stopped finishes its phases at once.
        if percent > self._percent and not self._stop.is_set():
            self._percent = percent
            self._report(percent)

    def _fraction(self, name: str) -> float:
        phase = self._phases[name]
        inner = [self._fraction(child) for child, other in self._phases.items()
                 if other.parent == name and child != name]
        return min(1.0, (phase.done + max(inner, default=0.0)) / phase.steps)


def make_monitor(trt: Any, progress: BuildProgress) -> Any:
    """Make the object that TensorRT reports its phases to."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return progress.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()
