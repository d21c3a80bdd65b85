# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sets with unknown things: their layouts, and how their masks become 0, 1 and VOID."""

from __future__ import annotations

import json
from pathlib import Path

from tqdm import tqdm

from hybrid_perception.picture import PICTURE_SUFFIXES
from hybrid_training.data.image_files import read_label
from hybrid_training.data.inlier_sets import (
    STREETHAZARDS_TOWNS,
    STREETHAZARDS_UNKNOWN,
    streethazards_towns,
)
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.label_ids import VOID
from hybrid_training.data.labeled_images import ListedPairs, Pair
from hybrid_training.data.own_sets import images_below, open_folder, require_files
from hybrid_training.data.set_spec import (
    FULL_HD,
    WIDE,
    PixelProtocol,
    Rules,
    SetRequest,
    SetSpec,
    all_found,
)

ANOMALY_CODES = LabelCodes.build({0: 0, 1: 1}, void=(VOID,))
OWN_CODES = LabelCodes.build({0: 0, 1: 1}, void=(2, VOID))
REPACK_CODES = LabelCodes.build({0: 0, 1: 1}, void=(2,))
LOST_AND_FOUND_CODES = LabelCodes.build({1: 0, **dict.fromkeys(range(2, 201), 1)}, void=(0,))
"""labelIds as SegmentMeIfYouCan reads them: 0 void, 1 free road, 2..200 anomaly."""
ROAD_ANOMALY_CODES = LabelCodes.build({0: 0, 1: 0, **dict.fromkeys(range(2, VOID), 1)})
STREETHAZARDS_CODES = LabelCodes.build(
    {**dict.fromkeys(set(range(1, 14)) - {4}, 0), STREETHAZARDS_UNKNOWN: 1}, void=(4,))

_OBSTACLE_EXTRA = ('snowstorm1', 'snowstorm2', 'driveway')
_OBSTACLE_NOT_VALIDATION = tuple(f'validation_{n}' for n in (19, *range(21, 30)))
# Scenes with pedestrians and bicycles, which are no unknown things.
_LOST_AND_FOUND_KNOWN = (
    '15_Rechbergstr_Deckenpfronn', '01_Hanns_Klemm_Str_45_000006',
    '01_Hanns_Klemm_Str_45_000007', '10_Schlossberg_9_000004')


def open_anomaly_folder(root: Path, *, size: tuple[int, int] | None = None) -> ListedPairs:
    """Open a folder of one's own: `images/NAME` and `masks/NAME.png`, at any depth.

    Raises:
        ValueError: no images, two of one name, or an image without a mask.
    """
    return open_folder(root, OWN_CODES, labels='masks', size=size)


def _open_own(request: SetRequest) -> ListedPairs:
    return open_anomaly_folder(request.root)


def _smiyc(request: SetRequest, folder: str, names: dict[str, bool]) -> ListedPairs:
    """Pair the named frames with their masks; the names' values say whether labels are public."""
    root = request.root
    pairs = []
    for name, path in images_below(root / 'images').items():
        if name in names:
            label = root / 'labels_masks' / f'{name}_labels_semantic.png'
            pairs.append(Pair(name, path, label if names[name] or label.is_file() else None))
    if not pairs:
        msg = f'{root / "images"}: no image of the split {request.split!r} of {folder}'
        raise ValueError(msg)
    require_files(root, [p.label for p in pairs if p.label])
    return ListedPairs(root, tuple(pairs), ANOMALY_CODES)


def _open_road_anomaly21(request: SetRequest) -> ListedPairs:
    public = request.split == 'validation'
    return _smiyc(request, 'dataset_AnomalyTrack', {
        name: public for name in images_below(request.root / 'images')
        if name.startswith('validation') == public})


def _open_road_obstacle21(request: SetRequest) -> ListedPairs:
    chosen = {}
    for name in images_below(request.root / 'images'):
        scene = name.split('_')[0]
        if scene == 'validation':
            inside = (request.split == 'validation'
                      and not name.startswith(_OBSTACLE_NOT_VALIDATION))
        else:
            inside = {'test': scene not in _OBSTACLE_EXTRA, 'night': scene == 'driveway',
                      'snowstorm': scene.startswith('snowstorm')}.get(request.split, False)
        if inside:
            chosen[name] = request.split == 'validation'
    return _smiyc(request, 'dataset_ObstacleTrack', chosen)


def _open_lost_and_found(request: SetRequest) -> ListedPairs:
    root, split = request.root, request.split.split('-')[0]
    pairs = []
    for image in all_found(root, f'leftImg8bit/{split}/SCENE/*_leftImg8bit.png', (
            p for p in root.glob(f'leftImg8bit/{split}/*/*_leftImg8bit.*')
            if p.suffix.lower() in PICTURE_SUFFIXES)):
        base = image.stem.removesuffix('_leftImg8bit')
        pairs.append(Pair(base, image, root / 'gtCoarse' / split / image.parent.name
                          / f'{base}_gtCoarse_labelIds.png'))
    require_files(root, [p.label for p in pairs if p.label])
    if request.split == 'test-no-known':
        pairs = [p for p in pairs if not p.name.startswith(_LOST_AND_FOUND_KNOWN)]
    if not request.split.endswith('-all'):
        # Benchmarks leave out the frames in which nothing at all is labelled (6 and 17 of them).
        pairs = [p for p in tqdm(pairs, desc='valid frames', leave=False, disable=None)
                 if p.label and read_label(p.label).any()]
    return ListedPairs(root, tuple(pairs), LOST_AND_FOUND_CODES)


def _open_fishyscapes_lost_and_found(request: SetRequest) -> ListedPairs:
    root = request.root
    if not (root / 'ood').is_dir():
        return _numbered_masks(request, 'Lost and Found', deltas=False)
    images = all_found(root, 'leftImg8bit/**/*_leftImg8bit.png',
                       (root / 'leftImg8bit').rglob('*_leftImg8bit.png'))
    pairs = []
    for image in images:
        base = image.name.removesuffix('_leftImg8bit.png')
        folder = root / 'ood' / image.parent.relative_to(root / 'leftImg8bit')
        pairs.append(Pair(base, image, folder / f'{base}_ood_segmentation.png'))
    require_files(root, [p.label for p in pairs if p.label])
    return ListedPairs(root, tuple(pairs), REPACK_CODES)


def _open_fishyscapes_static(request: SetRequest) -> ListedPairs:
    root = request.root
    images = sorted(root.rglob('*_rgb.jpg'))
    if not images:
        return _numbered_masks(request, 'Cityscapes', deltas=True)
    pairs = [Pair(p.name.removesuffix('_rgb.jpg'), p,
                  p.with_name(p.name.replace('_rgb.jpg', '_labels.png'))) for p in images]
    require_files(root, [p.label for p in pairs if p.label])
    return ListedPairs(root, tuple(pairs), ANOMALY_CODES)


def _numbered_masks(request: SetRequest, origin: str, *, deltas: bool) -> ListedPairs:
    """Pair the archive's `NNNN_BASE_labels.png` with the images of the set they were made from."""
    root = request.root
    masks = all_found(root, '[0-9][0-9][0-9][0-9]_*_labels.png',
                      root.rglob('[0-9][0-9][0-9][0-9]_*_labels.png'))
    if request.images is None:
        msg = f'{root}: the masks come without images; give the folder of {origin} with --images'
        raise ValueError(msg)
    images = {p.name.removesuffix('_leftImg8bit.png'): p
              for p in request.images.rglob('*_leftImg8bit.png')}
    pairs = []
    for mask in masks:
        stem = mask.name.removesuffix('_labels.png')
        base = stem[5:]
        if base not in images:
            msg = f'{request.images}: no {base}_leftImg8bit.png ({origin}) for {mask.name}'
            raise ValueError(msg)
        delta = next(iter(sorted(mask.parent.glob(f'{stem}*rgb.npz'))), None)
        if deltas and delta is None:
            msg = f'{mask}: no {stem}_rgb.npz beside it, which holds what was pasted'
            raise ValueError(msg)
        pairs.append(Pair(stem, images[base], mask, delta if deltas else None))
    return ListedPairs(root, tuple(pairs), ANOMALY_CODES)


def _open_road_anomaly(request: SetRequest) -> ListedPairs:
    index = request.root / 'frame_list.json'
    try:
        frames = json.loads(index.read_text(encoding='utf-8'))
        names = [str(Path(f).stem) if Path(f).suffix.lower() in PICTURE_SUFFIXES else f
                 for f in frames]
    except (OSError, ValueError, TypeError) as error:
        msg = f'{index}: want a JSON list of frame names, got {error!r}'
        raise ValueError(msg) from error
    folder = request.root / 'frames'
    pairs = [Pair(n, folder / f'{n}.jpg', folder / f'{n}.labels' / 'labels_semantic.png')
             for n in names]
    require_files(request.root, [p.label for p in pairs if p.label])
    return ListedPairs(request.root, tuple(pairs), ROAD_ANOMALY_CODES)


def _open_streethazards(request: SetRequest) -> ListedPairs:
    return streethazards_towns(request, STREETHAZARDS_CODES)


ANOMALY_SETS = (
    SetSpec('anomaly-folder', 'anomaly', 'images/NAME.jpg|png|webp + masks/NAME.png '
            '(0 known, 1 anomaly, 2 or 255 void)', _open_own),
    SetSpec('road-anomaly21', 'anomaly', 'dataset_AnomalyTrack: images/*.jpg + '
            'labels_masks/*_labels_semantic.png', _open_road_anomaly21, ('validation', 'test'),
            Rules(aspects=(*WIDE, *FULL_HD), void='set')),
    SetSpec('road-obstacle21', 'anomaly', 'dataset_ObstacleTrack: images/*.webp + '
            'labels_masks/*_labels_semantic.png', _open_road_obstacle21,
            ('validation', 'test', 'night', 'snowstorm'), Rules(aspects=FULL_HD, void='file')),
    SetSpec('lost-and-found', 'anomaly', 'leftImg8bit/SPLIT/SCENE/*_leftImg8bit.png + '
            'gtCoarse/SPLIT/SCENE/*_gtCoarse_labelIds.png', _open_lost_and_found,
            ('test-no-known', 'test', 'train', 'test-all', 'train-all'),
            Rules(aspects=WIDE, void='file', gamma=True)),
    SetSpec('fishyscapes-lost-and-found', 'anomaly', 'NNNN_BASE_labels.png and --images LOST_AND_'
            'FOUND, or the re-pack leftImg8bit/** + ood/**', _open_fishyscapes_lost_and_found, (),
            Rules(aspects=WIDE, void='set', gamma=True)),
    SetSpec('fishyscapes-static', 'anomaly', 'NNNN_BASE_labels.png, NNNN_BASE_rgb.npz and '
            '--images CITYSCAPES, or the re-pack *_rgb.jpg + *_labels.png',
            _open_fishyscapes_static, (), Rules(aspects=WIDE, void='set')),
    SetSpec('road-anomaly', 'anomaly', 'frame_list.json, frames/NAME.jpg + '
            'frames/NAME.labels/labels_semantic.png', _open_road_anomaly, (),
            Rules(aspects=FULL_HD)),
    SetSpec('streethazards-test', 'anomaly', 'test/images/test/{t5,t6}/*.png + '
            'test/annotations/test/...', _open_streethazards, ('test', *STREETHAZARDS_TOWNS),
            Rules(aspects=FULL_HD),
            protocol=PixelProtocol(per_image=True, fpr_rule='streethazards')),
)
