# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sources of negatives as sets that can be checked; training draws from their banks."""

from __future__ import annotations

from hybrid_training.data.coco_bank import CocoBank
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.labeled_images import ListedPairs, Pair
from hybrid_training.data.negatives import read_index
from hybrid_training.data.own_sets import images_below, require_files
from hybrid_training.data.set_spec import SetRequest, SetSpec

MASK_CODES = LabelCodes.build({0: 0, 255: 1})
ADE_CODES = LabelCodes.build({i: i for i in range(151)})
NO_CODES = LabelCodes.build({})


def _open_cutouts(request: SetRequest) -> ListedPairs:
    folder = request.root / 'crops'
    pairs = tuple(Pair(row['name'], folder / f'{row["name"]}.jpg', folder / f'{row["name"]}.png')
                  for row in read_index(request.root / 'index.csv'))
    require_files(request.root, [p.label for p in pairs if p.label])
    return ListedPairs(request.root, pairs, MASK_CODES)


def _open_ade20k(request: SetRequest) -> ListedPairs:
    folder = request.root / 'annotations' / request.split
    pairs = tuple(Pair(name, path, folder / f'{name}.png') for name, path in
                  images_below(request.root / 'images' / request.split).items())
    require_files(request.root, [p.label for p in pairs if p.label])
    return ListedPairs(request.root, pairs, ADE_CODES)


def _open_coco(request: SetRequest) -> ListedPairs:
    paths = CocoBank(request.root, request.split, exclude=()).paths
    return ListedPairs(
        request.root, tuple(Pair(p.stem, p, None) for p in paths), NO_CODES)


def _open_images(request: SetRequest) -> ListedPairs:
    pairs = tuple(Pair(name, path, None) for name, path in images_below(request.root).items())
    return ListedPairs(request.root, pairs, NO_CODES)


NEGATIVE_SETS = (
    SetSpec('cutouts', 'negative', 'index.csv (name, category), crops/NAME.jpg + crops/NAME.png '
            '(0, 255)', _open_cutouts),
    SetSpec('ade20k', 'negative', 'ADEChallengeData2016: images/SPLIT/*.jpg + '
            'annotations/SPLIT/*.png (0..150)', _open_ade20k, ('training', 'validation')),
    SetSpec('coco', 'negative', 'annotations/instances_SPLIT.json + SPLIT/*.jpg', _open_coco,
            ('train2017', 'val2017')),
    SetSpec('images', 'negative', 'any pictures, at any depth', _open_images),
)
