# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A bank of negative cut-outs: things of no known class, each with its mask."""

from __future__ import annotations

from collections.abc import Collection
import csv
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.image_files import read_label, read_rgb

LEAKING_CATEGORIES = frozenset({'potted plant'})
"""Categories left out by default: they look like a known class (here vegetation)."""


class Cutout(NamedTuple):
    """One negative: `rgb` (h, w, 3) uint8 and `mask` (h, w) uint8, 0 or 255, eroded by 1 px."""

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    category: str


class CutoutBank:
    """The cut-outs of one folder, `crops/NAME.jpg` with `crops/NAME.png`, named in `index.csv`.

    Args:
        root: the folder that holds `index.csv` and `crops`.
        exclude: categories that are not used.

    Raises:
        ValueError: no index, no cut-outs left, or an unreadable file.
    """

    def __init__(self, root: Path, *, exclude: Collection[str] = LEAKING_CATEGORIES) -> None:
        index = root / 'index.csv'
        if not index.is_file():
            msg = f'{index}: not found; want a CSV with the columns name, category'
            raise ValueError(msg)
        with index.open(newline='', encoding='utf-8') as stream:
            rows = [r for r in csv.DictReader(stream) if r['category'] not in exclude]
        if not rows:
            msg = f'{index}: no cut-outs left after leaving out {sorted(exclude)}'
            raise ValueError(msg)
        kernel = np.ones((3, 3), np.uint8)
        self._cutouts = []
        for row in rows:
            mask = read_label(root / 'crops' / f'{row["name"]}.png')
            self._cutouts.append(Cutout(
                read_rgb(root / 'crops' / f'{row["name"]}.jpg'),
                cv2.erode(mask, kernel, borderValue=0), row['category']))

    def __len__(self) -> int:
        return len(self._cutouts)

    def draw(self, rng: np.random.Generator) -> Cutout:
        """Return one cut-out at random."""
        return self._cutouts[int(rng.integers(len(self._cutouts)))]
