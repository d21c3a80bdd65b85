# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The messages of one camera frame, brought together by their stamp."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.labels import ClassMap
from hybrid_perception.replay.frame import Stamp
from hybrid_perception.view.view_frame import ViewFrame, check_label, fit_camera

CAMERA, LABEL, SCORE = 'camera', 'label', 'anomaly_score'
_WAITING = 32
"""Stamps that may wait for their other messages; a camera sends more than a node answers."""

_CLOCKS_DIFFER = 3.6e6
"""Milliseconds; a latency above compares the clock of a recording with that of the node."""

Pixels = Callable[[], NDArray[Any]]
"""Decodes an image; called only for frames that are looked at."""


@dataclass
class JoinedFrame:
    """The messages of one frame, not decoded yet."""

    stamp: Stamp
    images: dict[str, Pixels] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)

    def decode(self, class_map: ClassMap, notes: list[str]) -> ViewFrame:
        """Decode the images; a damaged camera image is left out, with a note.

        Raises:
            ParameterError: The label does not fit the classes.
            EncodingError: Label or score cannot be decoded.
        """
        score = self.images[SCORE]()
        label = self.images[LABEL]() if LABEL in self.images else None
        if label is not None:
            check_label(label, class_map)
        camera = None
        if CAMERA in self.images:
            try:
                camera = fit_camera(self.images[CAMERA](), score.shape)
            except EncodingError as error:
                notes.append(f'camera image at {self.stamp}: {error}')
        times = {name: value for name, value in self.times.items() if abs(value) < _CLOCKS_DIFFER}
        return ViewFrame(self.stamp, score, label, camera, times)


class FrameJoiner:
    """Takes messages in the order of their arrival and gives frames that have a score.

    Times carry no stamp. They are published after the images of their frame, so they belong to
    the frame that was completed last; it is given out when it has them all, or when the next one
    is complete.
    """

    def __init__(self, images: Set[str], times: Set[str]) -> None:
        """Begin.

        Args:
            images: kinds that a complete frame has.
            times: names of times that it has.
        """
        self._wanted = images
        self._times = times
        self._waiting: dict[Stamp, JoinedFrame] = {}
        self._last: JoinedFrame | None = None

    def add_image(self, kind: str, stamp: Stamp, pixels: Pixels) -> Iterator[JoinedFrame]:
        """Take an image; gives the frames that are finished by it."""
        if kind in self._waiting.get(stamp, _NOTHING).images:   # a stamp that comes again
            yield from self._complete(stamp)
        frame = self._waiting.setdefault(stamp, JoinedFrame(stamp))
        frame.images[kind] = pixels
        if frame.images.keys() >= self._wanted:
            yield from self._complete(stamp)
        elif len(self._waiting) > _WAITING:
            yield from self._complete(next(iter(self._waiting)))

    def add_time(self, name: str, milliseconds: float) -> Iterator[JoinedFrame]:
        """Take a time of the frame that was completed last."""
        if self._last is not None:
            self._last.times[name] = milliseconds
            if self._last.times.keys() >= self._times:
                yield from self._release()

    def finish(self) -> Iterator[JoinedFrame]:
        """Give what is left."""
        for stamp in list(self._waiting):
            yield from self._complete(stamp)
        yield from self._release()

    def _complete(self, stamp: Stamp) -> Iterator[JoinedFrame]:
        frame = self._waiting.pop(stamp)
        if SCORE not in frame.images:   # the node dropped that camera image
            return
        yield from self._release()
        self._last = frame
        if not self._times:
            yield from self._release()

    def _release(self) -> Iterator[JoinedFrame]:
        if self._last is not None:
            frame, self._last = self._last, None
            yield frame


_NOTHING = JoinedFrame(Stamp(0, 0))
