# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Image buffers that come back by themselves when nobody holds them any more."""

from __future__ import annotations

from collections import deque
from typing import Any
import weakref

import numpy as np
from numpy.typing import DTypeLike, NDArray

KEPT = 8
"""Free buffers that are kept for each size; more come only while a caller keeps many results."""

SIZES = 24
"""Sizes that buffers are kept for, the latest asked for: a frame has about ten, and a camera that
changes its size with every frame must not fill the memory."""


class BufferPool:
    """Hands out arrays; memory of an array that is gone, with all its views, is used again.

    A new image-sized block costs a page fault for every 4 KiB when it is first written. What is
    handed out is the caller's for as long as it likes.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._free: dict[int, deque[NDArray[np.uint8]]] = {}

    def take(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array that nobody else holds; its content is undefined."""
        count = int(np.prod(shape))
        size = count * np.dtype(dtype).itemsize
        # Out and in again, so that the first ones are those that nobody has asked for lately.
        free = self._free.pop(size, None)
        self._free[size] = free = deque(maxlen=KEPT) if free is None else free
        while len(self._free) > SIZES:
            self._free.pop(next(iter(tuple(self._free))), None)
        try:
            memory = free.pop()
        except IndexError:
            memory = np.empty(size, np.uint8)
        # A view of an array refers to the array that owns its memory. The memoryview keeps that
        # one out of sight, so every view keeps `owner` alive, and its end is the end of them all.
        owner = np.frombuffer(memory.data, dtype, count)
        weakref.finalize(owner, free.append, memory).atexit = False
        return owner.reshape(shape)


def take(buffers: BufferPool | None, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array of undefined content: from a pool, or new where there is none."""
    return np.empty(shape, dtype) if buffers is None else buffers.take(shape, dtype)
