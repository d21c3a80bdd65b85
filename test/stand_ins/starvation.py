# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How long a process was kept from the processor, so that load does not pass for slowness."""

from __future__ import annotations

from pathlib import Path
import threading
import time


class Starvation:
    """Sums, while it is watched, the time in which threads could have run but got no core.

    What sleeps, waits for a lock or for a timeout is not starved.

    Source: proc(5), schedstat: time on the processor, time on the run queue (ns), slices.
    """

    def __init__(self, pid: int | str = 'self') -> None:
        """Watch a process from now on, until it ends or is asked."""
        self._tasks = Path(f'/proc/{pid}/task')
        self._before = self._waited()
        self._last = dict(self._before)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def seconds(self) -> float:
        """Return the seconds until now; the watch ends."""
        self._over.set()
        self._thread.join()
        self._last |= self._waited()
        return sum(1e-9 * (waited - self._before.get(thread, 0))
                   for thread, waited in self._last.items())

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self._last |= self._waited()

    def _waited(self) -> dict[str, int]:
        found = {}
        try:
            for task in self._tasks.iterdir():
                found[task.name] = int((task / 'schedstat').read_text().split()[1])
        except (OSError, IndexError):   # ended, or a kernel that keeps no such figures
            pass
        return found


def prompt_seconds(begun: float, starvation: Starvation) -> float:
    """Return the seconds since a moment of the monotonic clock, less those without a core."""
    return time.monotonic() - begun - starvation.seconds()
