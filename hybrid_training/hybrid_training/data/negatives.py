# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Banks of negatives: pictures of no known class, each with its mask."""

from __future__ import annotations

from collections.abc import Collection
import csv
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.image_files import read_label, read_rgb
from hybrid_training.data.leakage import STREET_CATEGORIES
from hybrid_training.data.own_sets import Part, part_indices


class Cutout(NamedTuple):
    """One negative: `rgb` (h, w, 3) uint8 and `mask` (h, w) uint8, 0 or 255, its rim eroded."""

    rgb: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    category: str


class NegativeBank(Protocol):
    """Anything that negatives are drawn from."""

    def __len__(self) -> int:
        """Return how many files or things there are."""

    def draw(self, rng: np.random.Generator) -> Cutout:
        """Return one negative; `rng` decides everything that is random about it."""


def eroded(mask: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    """Return a mask without the pixels at its rim, which show what was around the thing."""
    return cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=pixels, borderValue=0)


def read_index(path: Path) -> list[dict[str, str]]:
    """Read the rows of a cut-outs' `index.csv`; `name` and `category` are in each.

    Raises:
        ValueError: no such file, or no such columns.
    """
    want = 'want a CSV with the columns name, category'
    if not path.is_file():
        msg = f'{path}: not found; {want}'
        raise ValueError(msg)
    with path.open(newline='', encoding='utf-8') as stream:
        rows = list(csv.DictReader(stream))
    if rows and not {'name', 'category'} <= rows[0].keys():
        msg = f'{path}: {want}, got {", ".join(map(str, rows[0]))}'
        raise ValueError(msg)
    return rows


class CutoutBank:
    """The cut-outs of one folder, `crops/NAME.jpg` with `crops/NAME.png`, named in `index.csv`.

    Args:
        root: the folder that holds `index.csv` and `crops`.
        exclude: categories that are not used.
        erode: pixels taken off the masks' rims.
        part: all cut-outs, every fifth by name (val), or the others (train). Where the index has
            a column `coco_file`, cut-outs of one picture stay together.

    Raises:
        ValueError: no index, no cut-outs left, or an unreadable file.
    """

    def __init__(
            self, root: Path, *, exclude: Collection[str] = STREET_CATEGORIES,
            erode: int = 1, part: Part = 'all') -> None:
        index = root / 'index.csv'
        rows = [r for r in read_index(index) if r['category'].lower() not in exclude]
        if not rows:
            msg = f'{index}: no cut-outs left after leaving out {sorted(exclude)}'
            raise ValueError(msg)
        self._cutouts = []
        for row in _part(rows, part, root):
            mask = read_label(root / 'crops' / f'{row["name"]}.png')
            self._cutouts.append(Cutout(
                read_rgb(root / 'crops' / f'{row["name"]}.jpg'),
                eroded(mask, erode), row['category']))

    def __len__(self) -> int:
        return len(self._cutouts)

    def draw(self, rng: np.random.Generator) -> Cutout:
        """Return one cut-out at random."""
        return self._cutouts[int(rng.integers(len(self._cutouts)))]


def _part(rows: list[dict[str, str]], part: Part, root: Path) -> list[dict[str, str]]:
    # By picture, not by cut-out: five suitcases of one photograph are nearly the same suitcase.
    pictures = sorted({row.get('coco_file') or row['name'] for row in rows})
    kept = {pictures[i] for i in part_indices(len(pictures), part, root)}
    return [row for row in rows if (row.get('coco_file') or row['name']) in kept]
