# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Negatives out of whole images: rectangles of any pictures, and ADE20K's segments."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.image_files import read_label, read_rgb
from hybrid_training.data.negatives import Cutout, eroded
from hybrid_training.data.own_sets import Part, images_below, part_indices

PATCH = 384
LEAST_SEGMENT = 256
_TRIES = 100


class ImageBank:
    """Rectangles of the images below a folder.

    Args:
        root: folder with pictures of anything but the known classes, at any depth.
        part: all pictures, every fifth by name (val), or the others (train).

    Raises:
        ValueError: no images there, or too few to part.
    """

    def __init__(self, root: Path, *, part: Part = 'all') -> None:
        paths = tuple(images_below(root).values())
        self._paths = tuple(paths[i] for i in part_indices(len(paths), part, root))

    def __len__(self) -> int:
        return len(self._paths)

    def draw(self, rng: np.random.Generator) -> Cutout:
        """Return a rectangle, each side 0.2 to 1 of the image's, from a random image."""
        path = self._paths[int(rng.integers(len(self)))]
        rgb = read_rgb(path)
        window = []
        for length in rgb.shape[:2]:
            part = max(min(8, length), int(length * rng.uniform(0.2, 1)))
            start = int(rng.integers(length - part + 1))
            window.append(slice(start, start + part))
        rgb = rgb[tuple(window)]
        return Cutout(rgb, np.full(rgb.shape[:2], 255, np.uint8), path.parent.name)


class SegmentBank:
    """Semantic segments of ADE20K's training images (method of the paper).

    A patch of 384 x 384 pixels is cut from an image whose shorter side is resized to 384; two of
    the ids in it are drawn with replacement, and their pixels are the negative.

    Args:
        root: `ADEChallengeData2016`, with `images/training` and `annotations/training`.
        exclude: ids that are not used.
        erode: pixels taken off the segments' rims.
        part: all images, every fifth by name (val), or the others (train).

    Raises:
        ValueError: no images, or images without annotation.
    """

    def __init__(
            self, root: Path, *, exclude: Collection[int], erode: int = 1, part: Part = 'all',
    ) -> None:
        self._exclude = sorted(exclude)
        self._erode = erode
        images = images_below(root / 'images' / 'training')
        annotations = root / 'annotations' / 'training'
        self._pairs = [(path, annotations / f'{name}.png') for name, path in images.items()]
        self._pairs = [self._pairs[i] for i in part_indices(len(self._pairs), part, root)]
        missing = [label for _, label in self._pairs if not label.is_file()]
        if missing:
            msg = f'{missing[0]}: not found, nor are {len(missing) - 1} other annotations'
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self._pairs)

    def draw(self, rng: np.random.Generator) -> Cutout:
        """Return the pixels of one or two segments, cut out to their bounds.

        Raises:
            ValueError: many images in a row hold nothing but excluded ids.
        """
        for _ in range(_TRIES):
            rgb, label = self._patch(rng)
            ids, counts = np.unique(label, return_counts=True)
            usable = ids[(counts >= LEAST_SEGMENT) & ~np.isin(ids, self._exclude)]
            if len(usable):
                drawn = usable[rng.integers(len(usable), size=2)]
                mask = eroded(np.where(np.isin(label, drawn), 255, 0).astype(np.uint8),
                              self._erode)
                if mask.any():
                    category = ' and '.join(map(str, sorted(set(drawn.tolist()))))
                    return tightened(Cutout(rgb, mask, category))
        msg = (f'{self._pairs[0][0].parent}: {_TRIES} images in a row held no segment but of the '
               f'excluded ids {self._exclude}')
        raise ValueError(msg)

    def _patch(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image_path, label_path = self._pairs[int(rng.integers(len(self)))]
        rgb, label = read_rgb(image_path), read_label(label_path)
        if rgb.shape[:2] != label.shape or label.max() > 150:
            msg = (f'{label_path}: {label.shape} with values up to {label.max()}; want ids 0..150 '
                   f'at the size of its image, {rgb.shape[:2]}')
            raise ValueError(msg)
        scale = PATCH / min(label.shape)
        shape = tuple(max(PATCH, round(n * scale)) for n in label.shape[::-1])
        rgb = cv2.resize(rgb, shape, interpolation=cv2.INTER_AREA)
        label = cv2.resize(label, shape, interpolation=cv2.INTER_NEAREST)
        top, left = (int(rng.integers(n - PATCH + 1)) for n in label.shape)
        window = (slice(top, top + PATCH), slice(left, left + PATCH))
        return rgb[window], label[window]


def tightened(cutout: Cutout) -> Cutout:
    """Return the part of a cut-out that its mask fills, so that its size is the thing's size."""
    left, top, width, height = cv2.boundingRect(cutout.mask)
    window = (slice(top, top + height), slice(left, left + width))
    return Cutout(cutout.rgb[window], cutout.mask[window], cutout.category)
