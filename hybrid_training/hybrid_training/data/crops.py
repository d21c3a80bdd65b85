# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Random crops at random scales, some of them around a class drawn uniformly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hybrid_training.data.label_ids import VOID
from hybrid_training.data.labeled_images import LabeledImages


@dataclass(frozen=True)
class ClassIndex:
    """For every class, places where it stands: rows of (image, v, u), v and u in 0..1."""

    places: tuple[NDArray[np.float32], ...]

    @classmethod
    def build(
            cls, pairs: LabeledImages, num_classes: int, *, seed: int, per_image: int = 4,
            on_fault: Callable[[str], None] | None = None) -> ClassIndex:
        """Read every label map once and keep a few random places of each class in it.

        Args:
            pairs: the set.
            num_classes: K; labels below it are classes.
            seed: of the places.
            per_image: places of each class in each image.
            on_fault: told what is wrong with a label that cannot be read, which then has no
                places; None = the error is raised.

        Raises:
            ValueError: a label cannot be read, or no label holds a pixel of a class.
        """
        rng = np.random.default_rng(seed)
        places: list[list[tuple[float, float, float]]] = [[] for _ in range(num_classes)]
        for index in tqdm(range(len(pairs)), desc='index of classes', leave=False,
                          disable=None):
            try:
                label = pairs.label(index)[::4, ::4]
            except (ValueError, OSError) as error:
                if on_fault is None:
                    raise
                on_fault(str(error))
                continue
            for number in np.unique(label[label < num_classes]):
                rows, columns = np.nonzero(label == number)
                for pick in rng.integers(len(rows), size=per_image if len(rows) > 8 else 0):
                    places[number].append((
                        index, rows[pick] / label.shape[0], columns[pick] / label.shape[1]))
        if not any(places):
            msg = (f'{pairs.root}: no pixel of a known class in any of {len(pairs)} label maps; '
                   'do the classes fit these labels?')
            raise ValueError(msg)
        return cls(tuple(np.array(p, np.float32).reshape(-1, 3) for p in places))

    def draw(self, rng: np.random.Generator) -> tuple[int, tuple[float, float]]:
        """Return an image index and a place (v, u) of a class drawn uniformly."""
        present = [p for p in self.places if len(p)]
        chosen = present[int(rng.integers(len(present)))]
        index, v, u = chosen[int(rng.integers(len(chosen)))]
        return int(index), (float(v), float(u))


@dataclass(frozen=True)
class RandomCrop:
    """Cut (height, width) windows out of images scaled by a random factor, flip some of them.

    Attributes:
        size: (height, width) of the crop, pixels.
        scale: least and most scale against the image's nominal size.
        draw: 'log_uniform': halving is as likely as doubling; 'uniform': as in the paper.
        flip: share of crops that are mirrored left to right.
    """

    size: tuple[int, int]
    scale: tuple[float, float]
    draw: Literal['log_uniform', 'uniform'] = 'log_uniform'
    flip: float = 0.5

    def __call__(
            self, image: NDArray[np.uint8], label: NDArray[np.uint8], nominal: tuple[int, int],
            *, around: tuple[float, float] | None, rng: np.random.Generator,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return one crop of (H, W, 3) image and (H, W) label, `around` (v, u) where given.

        The window is cut from the stored pixels and resized once. Where the scaled image is
        smaller than the crop, the rest is black and VOID.
        """
        scale = float(np.exp(rng.uniform(*np.log(self.scale))) if self.draw == 'log_uniform'
                      else rng.uniform(*self.scale))
        crop = np.zeros((*self.size, 3), np.uint8)
        crop_label = np.full(self.size, VOID, np.uint8)
        source, target = [], []
        for axis in (0, 1):
            scaled = nominal[axis] * scale
            length = min(self.size[axis], int(scaled))
            free = scaled - length
            start = rng.uniform(0, free) if around is None else np.clip(
                around[axis] * scaled - length * rng.uniform(0.2, 0.8), 0, free)
            stored = label.shape[axis] / scaled
            first = round(start * stored)
            source.append(slice(first, max(first + 1, round((start + length) * stored))))
            target.append(slice(0, length))
        where = tuple(target)
        shape = (where[1].stop, where[0].stop)
        crop[where] = cv2.resize(
            image[tuple(source)], shape,
            interpolation=cv2.INTER_AREA if label.shape[0] > nominal[0] * scale
            else cv2.INTER_LINEAR)
        crop_label[where] = cv2.resize(
            label[tuple(source)], shape, interpolation=cv2.INTER_NEAREST)
        if rng.random() < self.flip:
            crop, crop_label = crop[:, ::-1], crop_label[:, ::-1]
        return np.ascontiguousarray(crop), np.ascontiguousarray(crop_label)
