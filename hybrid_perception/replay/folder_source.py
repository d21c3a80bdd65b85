# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import re

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.files import read_json
from hybrid_perception.replay.frame import (
    COMPRESSED_TYPE,
    NANOSECONDS,
    CompressedPicture,
    Frame,
    Stamp,
)

PICTURE_SUFFIXES = ('.jpg', '.jpeg', '.png')
TOPIC = '/image/compressed'
DEFAULT_RATE = 10.0


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Order frame_2 before frame_10."""
    return [(int(part), '') if part.isdigit() else (-1, part)
            for part in re.split(r'(\d+)', path.name)]


def pictures_of(folder: Path) -> list[Path]:
    """List the pictures of a folder in natural order."""
    return sorted((path for path in folder.iterdir()
                   if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith('.')),
                  key=natural_key)


def clip_of(folder: Path) -> tuple[float, Path]:
    """Find the rate, Hz, and the pictures of a folder: its own, or those of the clip that it is.

    Raises:
        ParameterError: Its clip.json cannot be used.
    """
    note = folder / 'clip.json'
    if not note.is_file():
        return DEFAULT_RATE, folder
    try:
        rate = float(read_json(note, error=ValueError)['fps'])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(f'{note} names no rate (fps): {error!r}') from error
    if not rate > 0:
        raise ParameterError(f'{note}: fps is {rate}; it must be above 0')
    return rate, folder / 'images'


class FolderSource:
    """JPEG and PNG files in natural order, stamped by their number and a rate."""

    def __init__(self, path: Path, *, fps: float) -> None:
        """List the pictures.

        Raises:
            ParameterError: There is none.
        """
        self._files = pictures_of(path) if path.is_dir() else []
        if not self._files:
            raise ParameterError(
                f'{path} holds neither a bag nor pictures ({", ".join(PICTURE_SUFFIXES)})')
        self._fps = fps
        self.topics = {TOPIC: COMPRESSED_TYPE}
        self.total: int | None = len(self._files)
        self.notes: list[str] = []

    def frames(self) -> Iterator[Frame]:
        """Read every picture.

        Raises:
            ParameterError: A file cannot be read.
        """
        for index, path in enumerate(self._files):
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ParameterError(f'{path} cannot be read: {error.strerror}') from error
            time = round(index * NANOSECONDS / self._fps)
            yield Frame(index, TOPIC, time, Stamp.from_nanoseconds(time), 'camera',
                        CompressedPicture(content, 'png' if path.suffix.lower() == '.png'
                                          else 'jpeg'))
