# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Hand-over between threads that keeps the newest item only."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar('T')


class LatestSlot(Generic[T]):
    """Room for one item: a new one replaces the one that nobody has taken yet.

    So a slow consumer always works on the newest item and a fast producer never waits.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._items: list[T] = []
        self._closed = False
        self._dropped = 0

    def put(self, item: T) -> T | None:
        """Store an item.

        Returns:
            The item that is dropped for it, or None. A closed slot drops the item itself.
        """
        with self._condition:
            if self._closed:
                return item
            dropped = self._items.pop() if self._items else None
            if dropped is not None:
                self._dropped += 1
            self._items.append(item)
            self._condition.notify()
            return dropped

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until an item is there, and leave it: a newer one may yet take its place.

        Args:
            timeout: Seconds to wait at most; None waits until an item comes or the slot closes.

        Returns:
            Whether an item is there.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._items or self._closed, timeout)
            return bool(self._items)

    def get(self, timeout: float | None = None) -> T | None:
        """Take the item, waiting for one.

        Args:
            timeout: Seconds to wait at most; None waits until an item comes or the slot closes.

        Returns:
            The item, or None if time ran out or the slot was closed.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._items or self._closed, timeout)
            return self._items.pop() if self._items else None

    def clear(self) -> T | None:
        """Take back the waiting item, if any, without counting it as dropped."""
        with self._condition:
            return self._items.pop() if self._items else None

    def close(self) -> T | None:
        """Wake the waiting threads and refuse new items; return the item that waited, if any."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            return self._items.pop() if self._items else None

    @property
    def closed(self) -> bool:
        """Whether the slot was closed."""
        return self._closed

    @property
    def dropped(self) -> int:
        """Number of items replaced before anybody took them."""
        return self._dropped
