# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A data set of image and label files that share their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the file is missing or not an image.
    """
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        msg = f'{path}: not a readable image'
        raise ValueError(msg)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_label(path: Path) -> NDArray[np.uint8]:
    """Read a label PNG as (H, W) uint8.

    Raises:
        ValueError: the file is missing, not an image, or not single-channel 8 bit.
    """
    label = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if label is None or label.ndim != 2 or label.dtype != np.uint8:
        found = 'nothing readable' if label is None else f'{label.dtype} {label.shape}'
        msg = f'{path}: want a single-channel 8-bit label PNG, got {found}'
        raise ValueError(msg)
    return label


@dataclass(frozen=True)
class FolderPairs:
    """Pairs `images/NAME.jpg|png` and `<labels>/NAME.png` below one root.

    Attributes:
        root: folder that holds both folders.
        labels: name of the label folder.
        lookup: (256,) uint8 table from file ids to train ids (VOID = 255), None = as they are.
        size: (height, width) that images are meant to be seen at; None = as stored. Squeezed
            packs store another aspect than the camera's.
        names: the pairs' stems, sorted.
    """

    root: Path
    labels: str = 'labels'
    lookup: NDArray[np.uint8] | None = None
    size: tuple[int, int] | None = None
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        folder = self.root / 'images'
        paths = {p.stem: p for p in sorted(folder.glob('*')) if p.suffix in _IMAGE_SUFFIXES}
        if not paths:
            msg = f'{folder}: no images ({", ".join(_IMAGE_SUFFIXES)}) found'
            raise ValueError(msg)
        missing = [n for n in paths if not self.label_path(n).is_file()]
        if missing:
            msg = (f'{self.root / self.labels}: no label PNG for {len(missing)} of {len(paths)} '
                   f'images, the first is {missing[0]}.png')
            raise ValueError(msg)
        object.__setattr__(self, 'names', tuple(paths))
        object.__setattr__(self, '_paths', tuple(paths.values()))

    def __len__(self) -> int:
        return len(self.names)

    def label_path(self, name: str) -> Path:
        """Return the label file of one stem."""
        return self.root / self.labels / f'{name}.png'

    def image(self, index: int) -> NDArray[np.uint8]:
        """Read one image, (H, W, 3) uint8 RGB, as stored."""
        return read_rgb(self._paths[index])  # type: ignore[attr-defined]

    def label(self, index: int) -> NDArray[np.uint8]:
        """Read one label map, (H, W) uint8 train ids, VOID = 255, as stored."""
        label = read_label(self.label_path(self.names[index]))
        return label if self.lookup is None else self.lookup[label]

    def nominal_size(self, index: int) -> tuple[int, int]:
        """Return (height, width) at which one image is meant to be seen."""
        if self.size is not None:
            return self.size
        height, width = self.image(index).shape[:2]
        return height, width
