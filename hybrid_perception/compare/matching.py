# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which frame of one bag belongs to which frame of the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hybrid_perception.compare.output_frame import OutputFrame
from hybrid_perception.replay.frame import Stamp

WINDOW = 8
"""Frames of one bag that may wait for their other half: the disorder that is put up with."""


@dataclass(frozen=True, eq=False)
class FramePair:
    """The frames of both bags with one stamp; None where a bag has none."""

    first: OutputFrame | None
    second: OutputFrame | None

    @property
    def either(self) -> OutputFrame:
        """The frame that there is, the first bag's if both are."""
        frame = self.first or self.second
        assert frame is not None
        return frame


def match_frames(
    first: Iterator[OutputFrame], second: Iterator[OutputFrame]
) -> Iterator[FramePair]:
    """Pair frames by camera and stamp; reads both bags once, side by side.

    Frames with the same stamp are paired in the order of recording.

    Args:
        first: nearly in the order of their stamps.
        second: too, with the same prefixes.
    """
    sides = [_Side(first), _Side(second)]
    while not (sides[0].ended and sides[1].ended):
        behind = 0 if sides[0].reached <= sides[1].reached else 1
        ahead = 1 - behind
        if sides[behind].ended:
            behind, ahead = ahead, behind
        frame = sides[behind].take()
        if frame is None:
            continue
        partner = sides[ahead].find(frame)
        if partner is not None:
            yield FramePair(frame, partner) if behind == 0 else FramePair(partner, frame)
            continue
        sides[behind].waiting.append(frame)
        if len(sides[behind].waiting) > WINDOW:
            yield _alone(behind, sides[behind].waiting.pop(0))
    for number, side in enumerate(sides):
        yield from (_alone(number, frame) for frame in side.waiting)


class _Side:
    """One bag, and its frames that wait."""

    def __init__(self, frames: Iterator[OutputFrame]) -> None:
        self._frames = frames
        self.waiting: list[OutputFrame] = []
        self.reached = Stamp(-1, 0)
        self.ended = False

    def take(self) -> OutputFrame | None:
        frame = next(self._frames, None)
        if frame is None:
            self.ended = True
        else:
            self.reached = frame.stamp
        return frame

    def find(self, frame: OutputFrame) -> OutputFrame | None:
        for position, other in enumerate(self.waiting):
            if (other.prefix, other.stamp) == (frame.prefix, frame.stamp):
                return self.waiting.pop(position)
        return None


def _alone(side: int, frame: OutputFrame) -> FramePair:
    return FramePair(frame, None) if side == 0 else FramePair(None, frame)
