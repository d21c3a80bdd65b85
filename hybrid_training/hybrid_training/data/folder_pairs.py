# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A data set of image and label files that share their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.picture import PICTURE_SUFFIXES
from hybrid_training.data.image_files import read_label, read_rgb


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
        if not folder.is_dir():
            msg = f'{folder}: no such folder; images are looked for there'
            raise ValueError(msg)
        paths = {p.stem: p for p in sorted(folder.glob('*'))
                 if p.suffix.lower() in PICTURE_SUFFIXES}
        if not paths:
            msg = f'{folder}: no images ({", ".join(PICTURE_SUFFIXES)}) found'
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
