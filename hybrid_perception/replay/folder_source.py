# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.files import read_json
from hybrid_perception.picture import PICTURE_SUFFIXES, as_message, list_pictures
from hybrid_perception.replay.frame import (
    COMPRESSED_TYPE,
    NANOSECONDS,
    CompressedPicture,
    DamagedPicture,
    Frame,
    Stamp,
)

TOPIC = '/image/compressed'
DEFAULT_RATE = 10.0


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
    """Picture files, upright; stamped by their names where all are called by a stamp.

    Else they come in natural order, stamped by their number and a rate.
    """

    def __init__(self, path: Path, *, fps: float | None, rate: float = DEFAULT_RATE) -> None:
        """List the pictures.

        Args:
            path: the folder.
            fps: rate that is asked for, Hz, whatever the pictures are called; None: none is.
            rate: that of the folder itself, Hz.

        Raises:
            ParameterError: There is none.
        """
        self._files = list_pictures(path) if path.is_dir() else []
        if not self._files:
            raise ParameterError(
                f'{path} holds neither a bag nor pictures ({", ".join(PICTURE_SUFFIXES)})')
        named = [(Stamp.from_name(file.stem), file) for file in self._files]
        stamped = sorted((stamp, file) for stamp, file in named if stamp is not None)
        if fps is None and len({stamp for stamp, _ in stamped}) == len(self._files):
            self._files = [file for _, file in stamped]
            self._stamps = [stamp for stamp, _ in stamped]
        else:
            self._stamps = [
                Stamp.from_nanoseconds(round(index * NANOSECONDS / (fps or rate)))
                for index in range(len(self._files))]
        self.topics = {TOPIC: COMPRESSED_TYPE}
        self.total: int | None = len(self._files)
        self.notes: list[str] = []

    def frames(self) -> Iterator[Frame]:
        """Read every picture.

        Raises:
            ParameterError: A file cannot be read.
        """
        for index, (path, stamp) in enumerate(zip(self._files, self._stamps, strict=True)):
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ParameterError(f'{path} cannot be read: {error.strerror}') from error
            picture: CompressedPicture | DamagedPicture
            try:
                picture = CompressedPicture(*as_message(content))
            except EncodingError as error:
                picture = DamagedPicture(f'{path}: {error}')
            yield Frame(index, TOPIC, stamp.nanoseconds, stamp, 'camera', picture)
