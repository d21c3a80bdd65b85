# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The interface of every set of labelled images, and the sets made of listed files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol
from zipfile import BadZipFile
import zlib

import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.image_files import read_label, read_rgb
from hybrid_training.data.label_codes import LabelCodes


class LabeledImages(Protocol):
    """What crops, training and measuring ask of a set."""

    @property
    def root(self) -> Path:
        """Folder of the set."""

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) that the set is meant to be seen at; None = as stored."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each pair, unique."""

    def __len__(self) -> int:
        """Return the number of pairs."""

    def image(self, index: int) -> NDArray[np.uint8]:
        """Read one image, (H, W, 3) uint8 RGB, as stored."""

    def label(self, index: int) -> NDArray[np.uint8]:
        """Read one label map, (H, W) uint8, VOID = 255, as stored."""

    def nominal_size(self, index: int) -> tuple[int, int]:
        """Return (height, width) at which one image is meant to be seen."""


def read_pair(
        pairs: LabeledImages, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read one image (H, W, 3) and its label map (H, W).

    Raises:
        ValueError: either cannot be read, or they differ in size; the message names it.
    """
    image, label = pairs.image(index), pairs.label(index)
    if image.shape[:2] != label.shape:
        (height, width), (rows, columns) = image.shape[:2], label.shape
        msg = (f'{pairs.root}: {pairs.names[index]}: the image is {width}x{height}, its label '
               f'{columns}x{rows}; want the same size')
        raise ValueError(msg)
    return image, label


class Pair(NamedTuple):
    """One image, its label file (None = withheld), and what is added to the image.

    `delta` names an NPZ whose `rgb` is a signed (H, W, 3) difference (Fishyscapes Static).
    """

    name: str
    image: Path
    label: Path | None
    delta: Path | None = None


@dataclass(frozen=True)
class ListedPairs:
    """A set of listed files whose label values are checked whenever they are read.

    Attributes:
        root: folder of the set.
        pairs: the files.
        codes: what the label values mean.
        size: (height, width) that images are meant to be seen at; None = as stored.
    """

    root: Path
    pairs: tuple[Pair, ...]
    codes: LabelCodes
    size: tuple[int, int] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each pair."""
        return tuple(p.name for p in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Read one image, (H, W, 3) uint8 RGB."""
        pair = self.pairs[index]
        image = read_rgb(pair.image)
        return image if pair.delta is None else _add(image, pair.delta)

    def stored_label(self, index: int) -> NDArray[np.uint8]:
        """Read one label file, (H, W) uint8, the values as they are."""
        path = self.pairs[index].label
        if path is None:
            msg = f'{self.pairs[index].image}: its labels are withheld; take a split with labels'
            raise ValueError(msg)
        return read_label(path)

    def label(self, index: int) -> NDArray[np.uint8]:
        """Read what one label file means, (H, W) uint8, VOID = 255.

        Raises:
            ValueError: labels withheld, unreadable, or with a value that the set does not have.
        """
        stored = self.stored_label(index)
        return self.codes.read(stored, self.pairs[index].label or self.root)

    def nominal_size(self, index: int) -> tuple[int, int]:
        """Return (height, width) at which one image is meant to be seen."""
        if self.size is not None:
            return self.size
        height, width = read_rgb(self.pairs[index].image).shape[:2]
        return height, width

    def chosen(self, indices: Sequence[int]) -> ListedPairs:
        """Return the set of some of the pairs."""
        return ListedPairs(
            self.root, tuple(self.pairs[i] for i in indices), self.codes, self.size)


def _add(image: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    try:
        with np.load(path) as stored:
            arrays = dict(stored)
    except (OSError, EOFError, ValueError, TypeError, BadZipFile, zlib.error) as error:
        msg = f'{path}: want a readable NPZ file with an array named rgb ({error})'
        raise ValueError(msg) from error
    if 'rgb' not in arrays:
        msg = f'{path}: want an array named rgb, got {sorted(arrays)}'
        raise ValueError(msg)
    delta = arrays['rgb']
    if delta.shape != image.shape or not np.issubdtype(delta.dtype, np.signedinteger):
        msg = (f'{path}: want a signed difference of shape {image.shape}, got {delta.dtype} '
               f'{delta.shape}')
        raise ValueError(msg)
    return np.clip(image.astype(np.int32) + delta, 0, 255).astype(np.uint8)
