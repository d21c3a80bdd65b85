# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Negatives out of COCO: instances, each with its outline."""

from __future__ import annotations

from collections.abc import Collection
import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from hybrid_training.data.image_bank import tightened
from hybrid_training.data.image_files import read_rgb
from hybrid_training.data.negatives import Cutout, eroded
from hybrid_training.data.own_sets import Part, part_indices

LEAST_AREA = 2000


class _Instance(NamedTuple):
    path: Path
    polygons: tuple[tuple[float, ...], ...]
    category: str


class CocoBank:
    """The instances of one COCO file: no crowds, none below 2000 pixels.

    Args:
        root: folder with `annotations/instances_<split>.json` and the images in `<split>/`.
        split: for example train2017.
        exclude: category names that are not used.
        erode: pixels taken off the instances' rims.
        part: of all images, of every fifth by name (val), or of the others (train).

    Raises:
        ValueError: no such file, not of COCO's form, images missing, or nothing left.
    """

    def __init__(
            self, root: Path, split: str, *, exclude: Collection[str], erode: int = 1,
            part: Part = 'all') -> None:
        self._erode = erode
        path = root / 'annotations' / f'instances_{split}.json'
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
            self._instances = _instances(content, root / split, frozenset(exclude))
        except OSError as error:
            msg = f'{path}: cannot read: {error.strerror}'
            raise ValueError(msg) from error
        except (KeyError, TypeError, ValueError) as error:
            msg = f'{path}: want COCO instances (images, annotations, categories), got {error!r}'
            raise ValueError(msg) from error
        if not self._instances:
            msg = (f'{path}: no instance of {LEAST_AREA} pixels or more is left after leaving out '
                   f'{sorted(exclude)}')
            raise ValueError(msg)
        paths = self.paths
        kept = {paths[i] for i in part_indices(len(paths), part, root)}
        self._instances = [i for i in self._instances if i.path in kept]
        missing = [p for p in self.paths if not p.is_file()]
        if missing:
            msg = (f'{missing[0]}: not found, nor are {len(missing) - 1} other images of '
                   f'{path.name}')
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self._instances)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The images that hold an instance, sorted."""
        return tuple(sorted({i.path for i in self._instances}))

    def draw(self, rng: np.random.Generator) -> Cutout:
        """Return one instance at random, cut out to its bounds."""
        instance = self._instances[int(rng.integers(len(self)))]
        rgb = read_rgb(instance.path)
        mask = np.zeros(rgb.shape[:2], np.uint8)
        cv2.fillPoly(mask, [
            np.rint(np.reshape(p, (-1, 2))).astype(np.int32) for p in instance.polygons], 255)
        thinner = eroded(mask, self._erode)
        return tightened(Cutout(rgb, thinner if thinner.any() else mask, instance.category))


def _instances(
        content: dict[str, Any], folder: Path, exclude: frozenset[str]) -> list[_Instance]:
    names = {c['id']: c['name'] for c in content['categories']}
    files = {i['id']: folder / i['file_name'] for i in content['images']}
    found = []
    for annotation in content['annotations']:
        name = names[annotation['category_id']]
        outline = annotation['segmentation']
        # Crowds come as run lengths over many things at once; they are left out.
        if (name.lower() in exclude or annotation.get('iscrowd') or not isinstance(outline, list)
                or annotation['area'] < LEAST_AREA):
            continue
        polygons = tuple(tuple(p) for p in outline if len(p) >= 6)
        if polygons:
            found.append(_Instance(files[annotation['image_id']], polygons, name))
    return found
