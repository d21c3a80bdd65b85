# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Work on neighbouring items at the same time, and hand the results on in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')


def side_by_side(
    work: Callable[[Item], Result], items: Iterator[Item], *, workers: int
) -> Generator[Result, None, None]:
    """Apply ``work`` to each item, to ``workers`` of them at a time; the order is kept.

    An exception of ``work`` or of ``items`` is raised after the results before it. At most
    ``workers`` + 1 items are under way, which bounds the memory.

    Args:
        work: called in threads of its own.
        items: read in the caller's thread.
        workers: items that are worked on at the same time.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix='replay') as pool:
        try:
            for item in _until_error(items, pending):
                pending.append(pool.submit(work, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _until_error(items: Iterator[Item], pending: deque[Future[Result]]) -> Iterator[Item]:
    """Put what ends the items behind the results that are still to come."""
    try:
        yield from items
    except Exception as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        pending.append(failed)
