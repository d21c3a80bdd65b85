# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sets of one's own: a folder of images and a folder of label PNGs of the same names."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hybrid_perception.picture import PICTURE_SUFFIXES
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.labeled_images import ListedPairs, Pair

HOLD_OUT_EVERY = 5
Part = Literal['all', 'train', 'val']


def images_below(folder: Path) -> dict[str, Path]:
    """Return the images below a folder by path without suffix, sorted.

    Raises:
        ValueError: no such folder, no image in it, or two images of one name.
    """
    if not folder.is_dir():
        msg = f'{folder}: no such folder; images are looked for there'
        raise ValueError(msg)
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob('*') if p.suffix.lower() in PICTURE_SUFFIXES):
        name = path.relative_to(folder).with_suffix('').as_posix()
        if name in found:
            msg = f'{path}: {found[name].name} has the same name; one image per label, please'
            raise ValueError(msg)
        found[name] = path
    if not found:
        msg = f'{folder}: no images ({", ".join(PICTURE_SUFFIXES)}) found'
        raise ValueError(msg)
    return found


def open_folder(
        root: Path, codes: LabelCodes, *, labels: str = 'labels',
        size: tuple[int, int] | None = None) -> ListedPairs:
    """Open `images/NAME.jpg|png|webp` with `<labels>/NAME.png`, at any depth.

    Raises:
        ValueError: no images, or an image without a label.
    """
    images = images_below(root / 'images')
    pairs = tuple(Pair(name, path, root / labels / f'{name}.png')
                  for name, path in images.items())
    require_files(root, [p.label for p in pairs if p.label])
    return ListedPairs(root, pairs, codes, size)


def require_files(root: Path, paths: list[Path]) -> None:
    """Check that every label file is there.

    Raises:
        ValueError: some are not; the message names the first.
    """
    missing = [p for p in paths if not p.is_file()]
    if missing:
        msg = (f'{root}: no label PNG for {len(missing)} of {len(paths)} images, the first is '
               f'{missing[0].relative_to(root)}')
        raise ValueError(msg)


def take_part(pairs: ListedPairs, part: Part) -> ListedPairs:
    """Return all pairs, every fifth (`val`), or the other four fifths (`train`), by name.

    Raises:
        ValueError: fewer than five pairs to part.
    """
    return pairs if part == 'all' else pairs.chosen(
        part_indices(len(pairs), part, pairs.root))


def part_indices(count: int, part: Part, root: Path) -> list[int]:
    """Return the places of all of `count` things, of every fifth, or of the other four fifths.

    Raises:
        ValueError: fewer than five things to part; the message names `root`.
    """
    if part == 'all':
        return list(range(count))
    if count < HOLD_OUT_EVERY:
        msg = (f'{root}: {count} images are too few to hold every {HOLD_OUT_EVERY}th out for '
               'validation')
        raise ValueError(msg)
    held_out = range(HOLD_OUT_EVERY - 1, count, HOLD_OUT_EVERY)
    return [i for i in range(count) if (i in held_out) == (part == 'val')]
