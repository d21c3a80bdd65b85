# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Labelled street sets: their layouts, and what their label values mean."""

from __future__ import annotations

from collections.abc import Mapping
import json
from pathlib import Path

from hybrid_training.data.class_list import CAMVID, CLASS_LISTS, STREETHAZARDS, ClassList
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.labeled_images import ListedPairs, Pair
from hybrid_training.data.mapillary import mapillary_codes
from hybrid_training.data.own_sets import Part, images_below, open_folder, require_files, take_part
from hybrid_training.data.set_spec import FULL_HD, WIDE, Rules, SetRequest, SetSpec, all_found

_CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33)
CITYSCAPES_CODES = LabelCodes.build(
    {value: i for i, value in enumerate(_CITYSCAPES_IDS)},
    void=set(range(34)) - set(_CITYSCAPES_IDS))
"""labelIds 0..33 to the 19 train ids. labelTrainIds hold 255 and are refused as what they are."""

_CAMVID_IN_CITYSCAPES = (10, 2, 5, 0, 1, 8, 7, 4, 13, 11, 12)
_CAMVID_CODES = {
    'camvid': CAMVID.codes(),
    'cityscapes': LabelCodes.build(dict(enumerate(_CAMVID_IN_CITYSCAPES)), void=(11,))}

_STREETHAZARDS_IDS = {i: k for k, c in enumerate(STREETHAZARDS.classes) for i in c.ids}
STREETHAZARDS_UNKNOWN = 14
STREETHAZARDS_TOWNS = ('t5', 't6')


def _open_cityscapes(request: SetRequest) -> ListedPairs:
    codes = codes_for('cityscapes', request.classes, {'cityscapes': CITYSCAPES_CODES})
    layout = f'leftImg8bit/{request.split}/CITY/*_leftImg8bit.png'
    pairs = []
    for image in all_found(request.root, layout, request.root.glob(
            f'leftImg8bit/{request.split}/*/*_leftImg8bit.png')):
        base = image.name.removesuffix('_leftImg8bit.png')
        label = (request.root / 'gtFine' / request.split / image.parent.name
                 / f'{base}_gtFine_labelIds.png')
        pairs.append(Pair(base, image, label))
    return _listed(request, pairs, codes)


def _open_cityscapes640(request: SetRequest) -> ListedPairs:
    codes = codes_for('cityscapes640', request.classes, {'cityscapes': CITYSCAPES_CODES})
    return open_folder(request.root / request.split, codes, size=(512, 1024))


def _open_camvid(request: SetRequest) -> ListedPairs:
    codes = codes_for('camvid', request.classes, _CAMVID_CODES)
    annotations = request.root / f'{request.split}annot'
    if not annotations.is_dir():
        return open_folder(request.root / request.split, codes)
    images = images_below(request.root / request.split)
    return _listed(request, [Pair(name, path, annotations / f'{name}.png')
                             for name, path in images.items()], codes)


def _open_streethazards(request: SetRequest) -> ListedPairs:
    codes = LabelCodes.build(_STREETHAZARDS_IDS, void=(4,))
    codes = codes_for('streethazards', request.classes, {'streethazards': codes})
    folder = {'train': 'training', 'val': 'validation'}[request.split]
    return streethazards_pairs(request.root, f'train/{{}}/{folder}', codes)


def _open_streethazards_open(request: SetRequest) -> ListedPairs:
    known = len(STREETHAZARDS)
    codes = LabelCodes.build({**_STREETHAZARDS_IDS, STREETHAZARDS_UNKNOWN: known}, void=(4,))
    codes = codes_for('streethazards-open', request.classes, {'streethazards': codes})
    return streethazards_towns(request, codes)


def streethazards_pairs(root: Path, place: str, codes: LabelCodes) -> ListedPairs:
    """Pair images and annotations of all towns; `place` has {} for either folder's name."""
    images = all_found(root, place.format('images') + '/TOWN/*.png',
                       root.glob(place.format('images') + '/*/*.png'))
    pairs = []
    for image in images:
        name = f'{image.parent.name}/{image.stem}'
        pairs.append(Pair(name, image, root / place.format('annotations') / f'{name}.png'))
    require_files(root, [p.label for p in pairs if p.label])
    return ListedPairs(root, tuple(pairs), codes)


def streethazards_towns(request: SetRequest, codes: LabelCodes) -> ListedPairs:
    """Pair the test images of all towns, or of the one that the split names.

    Raises:
        ValueError: no such town, or files that do not fit the layout.
    """
    pairs = streethazards_pairs(request.root, 'test/{}/test', codes)
    if request.split == 'test':
        return pairs
    inside = [i for i, name in enumerate(pairs.names) if name.startswith(f'{request.split}/')]
    if not inside:
        msg = f'{request.root}: no town {request.split} in test/images/test'
        raise ValueError(msg)
    return pairs.chosen(inside)


def _open_mapillary(request: SetRequest) -> ListedPairs:
    folder = {'train': 'training', 'val': 'validation'}[request.split]
    root = request.root
    versions = [(root / 'config_v1.2.json', root / folder / 'v1.2' / 'labels'),
                (root / 'config.json', root / folder / 'labels')]
    config, labels = next((v for v in versions if v[0].is_file()), versions[0])
    try:
        entries = json.loads(config.read_text(encoding='utf-8'))['labels']
        names = [entry['name'] for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f'{config}: want the JSON of Mapillary Vistas 1.2 with "labels", got {error!r}'
        raise ValueError(msg) from error
    codes = codes_for(
        'mapillary', request.classes, {'cityscapes': mapillary_codes(names, config)})
    images = images_below(root / folder / 'images')
    return _listed(request, [Pair(name, path, labels / f'{name}.png')
                             for name, path in images.items()], codes)


def _open_own(request: SetRequest) -> ListedPairs:
    if request.classes is None:
        msg = f'{request.root}: a folder of your own needs its classes; write a classes YAML'
        raise ValueError(msg)
    part: Part = 'val' if request.split == 'val' else (
        'train' if request.split == 'train' else 'all')
    return take_part(open_folder(request.root, request.classes.codes()), part)


def codes_for(
        name: str, classes: ClassList | None, known: Mapping[str, LabelCodes]) -> LabelCodes:
    """Return the code of a set for a list of classes, None = its own.

    Raises:
        ValueError: the set's labels cannot be had in these classes.
    """
    if classes is None:
        return next(iter(known.values()))
    for list_name, codes in known.items():
        if CLASS_LISTS[list_name] == classes:
            return codes
    msg = (f'{name}: its labels come in the classes of {" or ".join(known)}, not in '
           f'{", ".join(classes.names[:4])}...; set classes: {next(iter(known))}')
    raise ValueError(msg)


def _listed(request: SetRequest, pairs: list[Pair], codes: LabelCodes) -> ListedPairs:
    require_files(request.root, [p.label for p in pairs if p.label])
    return ListedPairs(request.root, tuple(pairs), codes)


INLIER_SETS = (
    SetSpec('folder', 'inlier', 'images/NAME.jpg|png|webp + labels/NAME.png, and a classes YAML; '
            'val is every fifth image by name', _open_own, ('all', 'train', 'val')),
    SetSpec('cityscapes', 'inlier', 'leftImg8bit/SPLIT/CITY/*_leftImg8bit.png + '
            'gtFine/SPLIT/CITY/*_gtFine_labelIds.png', _open_cityscapes, ('train', 'val'),
            Rules(aspects=WIDE, void='file')),
    SetSpec('cityscapes640', 'inlier', 'SPLIT/images/*.jpg squeezed to a square + '
            'SPLIT/labels/*.png (labelIds)', _open_cityscapes640, ('train', 'val'),
            Rules(aspects=(1.0,), void='set')),
    SetSpec('camvid', 'inlier', 'SPLIT/*.png + SPLITannot/*.png, or SPLIT/images + SPLIT/labels',
            _open_camvid, ('train', 'val', 'test'), Rules(aspects=(4 / 3,), void='set')),
    SetSpec('streethazards', 'inlier', 'train/images/{training,validation}/TOWN/*.png + '
            'train/annotations/...', _open_streethazards, ('train', 'val'),
            Rules(aspects=FULL_HD)),
    SetSpec('streethazards-open', 'inlier', 'test/images/test/{t5,t6}/*.png + '
            'test/annotations/test/..., the unknown things as id K', _open_streethazards_open,
            ('test', *STREETHAZARDS_TOWNS), Rules(aspects=FULL_HD), folds=STREETHAZARDS_TOWNS),
    SetSpec('mapillary', 'inlier', '{training,validation}/images/*.jpg + labels (1.2) + '
            'config.json', _open_mapillary, ('train', 'val')),
)
