# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of ground truth, and which of its pictures belongs to which frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.files import read_json
from hybrid_perception.labels import UNLABELED
from hybrid_perception.picture import natural_key
from hybrid_perception.replay.frame import NANOSECONDS, Stamp

_MASK_VALUES = (0, 1, 2, UNLABELED)
_VOID = 2


@dataclass(frozen=True)
class Truth:
    """Pictures of ground truth.

    Attributes:
        files: in natural order.
        stamps: the frame of each; None where the pictures are taken for the frames in order.
        unknown_id: id of the unknown, K, in pictures of class ids; None for pictures of masks,
            0 known, 1 anomaly, 2 or 255 void.
    """

    files: tuple[Path, ...]
    stamps: tuple[Stamp, ...] | None
    unknown_id: int | None

    def read(self, file: Path) -> NDArray[np.uint8]:
        """Read a picture: (H, W) uint8 class ids or mask; 255 where it says nothing.

        Raises:
            ParameterError: It cannot be read, or holds values that mean nothing.
        """
        picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if picture is None or picture.dtype != np.uint8 or picture.ndim != 2:
            raise ParameterError(f'{file} is no grey 8-bit picture of class ids or masks')
        values = set(np.unique(picture).tolist())
        if self.unknown_id is None:
            if not values <= set(_MASK_VALUES):
                raise ParameterError(
                    f'{file} has the values {_shown(values)}; a mask has 0 known, 1 anomaly, 2 or '
                    '255 void. Name the id of the unknown (--unknown) if these are class ids')
            picture[picture == _VOID] = UNLABELED
        elif not values <= {*range(self.unknown_id + 1), UNLABELED}:
            raise ParameterError(
                f'{file} has the values {_shown(values)}; class ids are 0..{self.unknown_id}, '
                f'{self.unknown_id} is the unknown and {UNLABELED} void')
        return np.asarray(picture, np.uint8)

    def is_unknown(self, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Say which pixels show something unknown, (H, W) bool."""
        return np.asarray(picture == (1 if self.unknown_id is None else self.unknown_id))


def open_truth(folder: Path, unknown_id: int | None = None) -> Truth:
    """Look which pictures a folder holds.

    A clip (clip.json and labels/) names the stamps and the unknown itself. Elsewhere PNG files
    that are all called by a stamp, 12.345678901.png or 12345678901000000.png (nanoseconds),
    belong to the frame of that stamp; others to the frames in their natural order.

    Args:
        folder: the folder.
        unknown_id: id of the unknown where the pictures are of class ids.

    Raises:
        ParameterError: There is no picture, or clip.json cannot be used.
    """
    note = folder / 'clip.json'
    if note.is_file():
        files = _pictures(folder / 'labels')
        stamps, noted = _read_clip(note)
        if len(stamps) != len(files):
            raise ParameterError(
                f'{note} names {len(stamps)} frames, and {folder / "labels"} has {len(files)} '
                'pictures')
        return Truth(files, stamps, noted if unknown_id is None else unknown_id)
    files = _pictures(folder)
    named = [Stamp.from_name(file.stem) for file in files]
    stamps_of_names = tuple(stamp for stamp in named if stamp is not None)
    return Truth(files, stamps_of_names if len(stamps_of_names) == len(files) else None,
                 unknown_id)


def _pictures(folder: Path) -> tuple[Path, ...]:
    files = tuple(sorted(folder.glob('*.png'), key=natural_key))
    if not files:
        raise ParameterError(f'{folder} holds no ground truth (*.png)')
    return files


def _read_clip(note: Path) -> tuple[tuple[Stamp, ...], int | None]:
    try:
        document: Any = read_json(note, error=ValueError)
        stamps = tuple(Stamp.from_nanoseconds(round(frame['stamp'] * NANOSECONDS))
                       for frame in document['frames'])
        unknown_id = document.get('unknown_id')
        return stamps, None if unknown_id is None else int(unknown_id)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParameterError(f'{note} does not name frames with stamps: {error!r}') from error


def _shown(values: set[int]) -> str:
    return ', '.join(map(str, sorted(values)[:10])) + (', ...' if len(values) > 10 else '')
