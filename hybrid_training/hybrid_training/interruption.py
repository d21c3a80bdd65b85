# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM, taken between two steps so that what was trained can be kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import signal
import threading
from types import FrameType
from typing import Any


class Interruption:
    """As a context: the first signal is noted for `requested`, the second raises at once.

    Outside the main thread, where Python has no signal handlers, it notes nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._at_once = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let a signal raise where nothing would be lost by it.

        Raises:
            KeyboardInterrupt: in the context, on the first signal.
        """
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested or self._at_once:
            raise KeyboardInterrupt
        self.requested = True
