# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of known content with negatives pasted into them, the same ones at every reading."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.label_ids import PASTED, VOID
from hybrid_training.data.labeled_images import LabeledImages, read_pair
from hybrid_training.data.mixed_content import MixedContent


class PastedNegatives:
    """An anomaly set made of inlier pictures and negatives: 0 known, 1 pasted, VOID = 255.

    Void pixels of the inlier picture, values that are no class and the patches' feathered rims are
    void. Pasting happens at `size`, so that a patch is as large to the network as in training.

    Args:
        pairs: pictures with labels as train ids 0..num_classes - 1, VOID = 255.
        mixed_content: pastes the negatives; at least one per picture.
        num_classes: K.
        size: (height, width) at which pictures come out; None = as each is meant to be seen.
        limit: take only this many pictures, evenly spread.
        seed: with a picture's place in the set, decides everything random about its patches.
        name: of the set, in reports.

    Raises:
        ValueError: `mixed_content` may leave a picture without negatives.
    """

    def __init__(
            self, pairs: LabeledImages, mixed_content: MixedContent, *, num_classes: int,
            size: tuple[int, int] | None = None, limit: int | None = None, seed: int = 0,
            name: str = 'held_out') -> None:
        if mixed_content.count[0] < 1:
            msg = (f'held-out negatives: count {mixed_content.count} may leave a picture without '
                   'any; want at least 1')
            raise ValueError(msg)
        self._pairs = pairs
        self._mixed_content = mixed_content
        self._num_classes = num_classes
        self._size = size
        self._seed = seed
        self._name = name
        count = len(pairs) if limit is None else min(limit, len(pairs))
        self._chosen = np.linspace(0, len(pairs) - 1, count).round().astype(int).tolist()
        self._last: tuple[int, NDArray[np.uint8], NDArray[np.uint8]] | None = None

    @property
    def root(self) -> Path:
        """The name of the set as a path: its pictures lie where those of `pairs` do."""
        return self._pairs.root / self._name

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) that pictures come out at; None = each as it is meant to be seen."""
        return self._size

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each picture."""
        names = self._pairs.names
        return tuple(names[i] for i in self._chosen)

    def __len__(self) -> int:
        return len(self._chosen)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return one picture with its negatives, (H, W, 3) uint8 RGB."""
        return self._pasted(index)[0].copy()

    def label(self, index: int) -> NDArray[np.uint8]:
        """Return its mask, (H, W) uint8: 0 known, 1 pasted, VOID = 255."""
        return self._pasted(index)[1].copy()

    def nominal_size(self, index: int) -> tuple[int, int]:
        """Return (height, width) of one picture."""
        return self._size or self._pairs.nominal_size(self._chosen[index])

    def _pasted(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        # Image and label of one index are asked for in turn; the last one is kept for that.
        if self._last is None or self._last[0] != index:
            self._last = (index, *self._paste(index))
        return self._last[1:]

    def _paste(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        place = self._chosen[index]
        height, width = self.nominal_size(index)
        image, label = read_pair(self._pairs, place)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        label = cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        mask = np.where(label < self._num_classes, 0, VOID).astype(np.uint8)
        rng = np.random.default_rng((self._seed, place))
        self._mixed_content.paste(image, mask, rng=rng)
        mask[mask == PASTED] = 1
        return image, mask
