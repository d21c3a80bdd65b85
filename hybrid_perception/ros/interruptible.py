# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Long work of a transition, so that diagnostics go on and a signal ends it."""

from __future__ import annotations

from collections.abc import Callable
import concurrent.futures
import threading
from typing import TypeVar

from hybrid_perception.exceptions import HybridPerceptionError

T = TypeVar('T')
TICK = 0.05


class InterruptedConfigureError(HybridPerceptionError):
    """The node was asked to stop while the work was under way."""


def run_interruptible(
    work: Callable[[], T], stop: threading.Event, while_waiting: Callable[[], None]
) -> T:
    """Do `work` in a daemon thread and return what it returns.

    Args:
        work: what may take long, such as loading a model.
        stop: ends the wait; the thread is left to the end of the process.
        while_waiting: called every 50 ms in the caller's thread.

    Raises:
        InterruptedConfigureError: `stop` was set first.
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name='configure', daemon=True).start()
    while not stop.is_set():
        try:
            return future.result(timeout=TICK)
        except concurrent.futures.TimeoutError:
            if future.done():  # meanwhile, or the work itself timed out
                return future.result()
            while_waiting()
    raise InterruptedConfigureError('stopped while configuring')
