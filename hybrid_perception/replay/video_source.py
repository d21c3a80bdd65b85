# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.image import byte_view
from hybrid_perception.replay.frame import NANOSECONDS, RAW_TYPE, Frame, RawPicture, Stamp

TOPIC = '/image'


class VideoSource:
    """Whatever OpenCV decodes, stamped as the container says, so variable rates are kept."""

    def __init__(self, path: Path, *, fps: float | None) -> None:
        """Look whether there is a frame.

        Args:
            path: the file.
            fps: stamp by this rate and not by the container.

        Raises:
            ParameterError: OpenCV cannot decode it.
        """
        self._path = path
        self._fps = fps
        capture = cv2.VideoCapture(str(path))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        readable = capture.isOpened() and capture.grab()
        capture.release()
        if not readable:
            raise ParameterError(
                f'{path} is no bag (.mcap, .db3, .bag) and OpenCV finds no video in it')
        self.topics = {TOPIC: RAW_TYPE}
        self.total: int | None = count if count > 0 else None
        self.notes: list[str] = []

    def frames(self) -> Iterator[Frame]:
        """Decode every frame.

        Raises:
            ParameterError: The stamps of the container do not grow.
        """
        capture = cv2.VideoCapture(str(self._path))
        index, last = 0, -1
        try:
            while True:
                read, bgr = capture.read()
                if not read:
                    break
                milliseconds = capture.get(cv2.CAP_PROP_POS_MSEC)
                time = (round(1_000_000 * milliseconds) if self._fps is None
                        else round(index * NANOSECONDS / self._fps))
                if time <= last:
                    raise ParameterError(
                        f'{self._path}: frame {index} has the stamp {time} ns after {last} ns; '
                        'the container has no usable stamps: name a rate (--fps)')
                rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                yield Frame(index, TOPIC, time, Stamp.from_nanoseconds(time), 'camera',
                            RawPicture(byte_view(np.asarray(rgb)), rgb.shape[0], rgb.shape[1],
                                       'rgb8', rgb.shape[1] * 3))
                index, last = index + 1, time
        finally:
            capture.release()
        if self.total is not None and index < self.total:
            self.notes.append(
                f'{self._path} says that it has {self.total} frames; {index} could be decoded')
