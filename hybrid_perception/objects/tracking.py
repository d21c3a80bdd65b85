# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which object of this frame is which of the frames before.

A greedy tracker on boxes. Regions of a mask are few, change their outline from frame to frame, and
come at any rate from 1 to 30 Hz; hence boxes are compared with a margin around them ("buffered"
IoU), after having moved on with their own velocity.

Source: Yang et al., Hard to Track Objects with Irregular Motions and Similar Appearances? Make It
Easier by Buffering the Matching Space (WACV 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.timing import TIME_JUMP

BUFFER = 0.5
"""Margin on each side of a box, in its own widths and heights."""

MIN_OVERLAP = 0.1
"""Least IoU, margins included, of the same object in two frames."""

MAX_MISSED = 5
"""Frames for which an object that is not seen is remembered."""

MAX_GAP = 2.0
"""Seconds for which it is at most."""

SMOOTHING = 0.5
"""Weight of the newest step in the velocity of an object."""


@dataclass(frozen=True)
class _Track:
    """An object as it was last seen."""

    seen: OpenSetObject
    stamp: float
    velocity: tuple[float, float] = (0.0, 0.0)
    missed: int = 0


class ObjectTracker:
    """Gives objects ids; for one camera, for one thread at a time.

    An id is never given twice, also not after `reset`: whoever remembers one can trust it.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._stamp = 0.0
        self._last_id = 0

    def reset(self) -> None:
        """Forget every object: the next frame has nothing to do with the last."""
        self._tracks = []

    def update(self, objects: Sequence[OpenSetObject], stamp: float) -> tuple[OpenSetObject, ...]:
        """Tell the objects of the next frame apart.

        Args:
            objects: of the frame.
            stamp: time of the frame, s; 0 where unknown. Where it lies more than ``TIME_JUMP``
                before that of the last frame (a bag that starts anew), everything is forgotten.

        Returns:
            The same objects, in the same order, with `id` and `frames`.
        """
        stamp = stamp or self._stamp
        if stamp < self._stamp - TIME_JUMP:
            self.reset()
        self._stamp = stamp
        known = [track for track in self._tracks if stamp - track.stamp <= MAX_GAP]
        partners = _match(_overlaps(
            _boxes([_moved_on(track, stamp) for track in known]),
            _boxes([(item.x, item.y, item.width, item.height) for item in objects])))
        tracks = [self._follow(known[partners[column]] if column in partners else None, item,
                               stamp) for column, item in enumerate(objects)]
        lost = [replace(track, missed=track.missed + 1) for row, track in enumerate(known)
                if row not in partners.values() and track.missed < MAX_MISSED]
        self._tracks = [*tracks, *lost]
        return tuple(track.seen for track in tracks)

    def _follow(self, track: _Track | None, item: OpenSetObject, stamp: float) -> _Track:
        if track is None:
            self._last_id += 1
            return _Track(replace(item, id=self._last_id, frames=1), stamp)
        seen = replace(item, id=track.seen.id, frames=track.seen.frames + 1)
        elapsed = stamp - track.stamp
        if elapsed <= 0.0:
            return _Track(seen, stamp, track.velocity)
        weight = SMOOTHING if track.seen.frames > 1 else 1.0
        velocity = tuple(
            (1 - weight) * before + weight * (there - here) / elapsed for before, there, here in
            zip(track.velocity, _centre(item), _centre(track.seen), strict=True))
        return _Track(seen, stamp, (velocity[0], velocity[1]))


def _centre(item: OpenSetObject) -> tuple[float, float]:
    return item.x + item.width / 2, item.y + item.height / 2


def _moved_on(track: _Track, stamp: float) -> tuple[float, float, float, float]:
    """Return where the box of a track should be at `stamp`: left, top, width, height."""
    seen, elapsed = track.seen, stamp - track.stamp
    return (seen.x + elapsed * track.velocity[0], seen.y + elapsed * track.velocity[1],
            seen.width, seen.height)


def _boxes(boxes: Sequence[tuple[float, float, float, float]]) -> NDArray[np.float64]:
    """Put the margin around boxes: (N, 4) left, top, right, bottom."""
    left, top, width, height = np.array(boxes, np.float64).reshape(-1, 4).T
    return np.stack([left - BUFFER * width, top - BUFFER * height,
                     left + (1 + BUFFER) * width, top + (1 + BUFFER) * height], axis=1)


def _overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the IoU of every box of one list, (N, 4), with every one of another, (M, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None] - shared))


def _match(overlaps: NDArray[np.float64]) -> dict[int, int]:
    """Pair rows and columns, the best pair first; returns the row of each column that has one."""
    partners: dict[int, int] = {}
    rows, columns = np.nonzero(overlaps >= MIN_OVERLAP)
    for place in np.argsort(-overlaps[rows, columns], kind='stable'):
        row, column = int(rows[place]), int(columns[place])
        if column not in partners and row not in partners.values():
            partners[column] = row
    return partners
