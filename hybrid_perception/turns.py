# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Turns on something that several threads share: who has waited longest goes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
import itertools
import threading


class Turns:
    """A mutex that is given to the oldest request, not to the luckiest thread.

    So of several cameras on one engine none is starved: the time since which a camera waits does
    not move on, while that of every camera that was just served does.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._holder: tuple[float, int] | None = None

    @contextmanager
    def take(self, since: float) -> Iterator[Callable[[], None]]:
        """Hold the turn for the length of a `with` block.

        Args:
            since: seconds of one clock; the smallest of all that wait goes first.

        Yields:
            What passes the turn on before the block ends; for another thread, where the one
            inside the block hangs.
        """
        request = (since, next(self._numbers))
        with self._condition:
            self._waiting.append(request)
            self._condition.wait_for(
                lambda: self._holder is None and request == min(self._waiting))
            self._waiting.remove(request)
            self._holder = request
        try:
            yield partial(self._pass_on, request)
        finally:
            self._pass_on(request)

    def _pass_on(self, request: tuple[float, int]) -> None:
        with self._condition:
            if self._holder == request:
                self._holder = None
                self._condition.notify_all()
