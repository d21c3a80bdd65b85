# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A bounded number of frames, spread evenly over a drive of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar('Item')
Kept = TypeVar('Kept')


def stride(total: int | None, limit: int) -> int:
    """Say each how many-th of ``total`` frames to read so that ``limit`` are not exceeded."""
    return 1 if total is None else max(1, -(-total // limit))


def thin(items: Iterable[Item], limit: int, keep: Callable[[Item], Kept]) -> list[Kept]:
    """Keep at most ``limit`` items, evenly spaced, without knowing how many will come.

    Whenever there would be more, every second one is given up, and from then on every second
    one is passed over. Between half of the limit and the limit remain.

    Args:
        items: looked at once.
        limit: at least 2.
        keep: makes what is kept of an item; not called for items that are passed over.
    """
    kept: list[Kept] = []
    step = 1
    for index, item in enumerate(items):
        if index % step:
            continue
        if len(kept) == limit:
            del kept[1::2]
            step *= 2
            if index % step:
                continue
        kept.append(keep(item))
    return kept
