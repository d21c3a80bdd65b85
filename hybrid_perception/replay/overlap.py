# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Work one stage of a pipeline ahead in a thread of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from queue import Empty, Full, Queue
import threading
from typing import TypeVar

Item = TypeVar('Item')
POLL = 0.1
"""Seconds after which a waiting thread looks whether it should end."""


class _End:
    """Follows the last item; carries what ended the stage."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def overlap(items: Iterator[Item], *, depth: int = 2) -> Generator[Item, None, None]:
    """Take items from an iterator in another thread, at most ``depth`` ahead.

    The order is kept. An exception of the iterator is raised here, after the items before it.
    Closing the generator closes the iterator, where it is a generator, in its own thread.

    Args:
        items: Used in the other thread only.
        depth: Finished items that may wait; this bounds the memory.
    """
    queue: Queue[Item | _End] = Queue(depth)
    ending = threading.Event()
    thread = threading.Thread(target=_work, args=(items, queue, ending), daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        ending.set()
        while thread.is_alive():
            # A full queue would hold the thread up.
            try:
                queue.get(timeout=POLL)
            except Empty:
                continue
        thread.join()


def _work(items: Iterator[Item], queue: Queue[Item | _End], ending: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(queue, item, ending):
                break
    except BaseException as caught:  # raised again by the reader of the queue
        error = caught
    finally:
        if isinstance(items, Generator):
            items.close()
    _put(queue, _End(error), ending)


def _put(queue: Queue[Item | _End], item: Item | _End, ending: threading.Event) -> bool:
    while not ending.is_set():
        try:
            queue.put(item, timeout=POLL)
        except Full:
            continue
        return True
    return False
