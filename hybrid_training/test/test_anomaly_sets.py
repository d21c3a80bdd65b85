# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts, mask codes and exclusions of the anomaly sets, on small trees of the same form."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybrid_training.data.registry import open_set


def put(path: Path, values, *, size=(16, 32)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    label = np.full(size, values[-1], np.uint8)
    label.flat[:len(values)] = values
    cv2.imwrite(str(path), label)
    return path


def picture(path: Path, *, value=90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((16, 32, 3), value, np.uint8))
    return path


def first(pairs, count: int) -> list[int]:
    return pairs.label(0).ravel()[:count].tolist()


def smiyc(root: Path, names: list[str], suffix: str, *, labeled: str = 'validation') -> None:
    for name in names:
        picture(root / f'images/{name}.{suffix}')
        if name.startswith(labeled):
            put(root / f'labels_masks/{name}_labels_semantic.png', [0, 1, 255])


def test_road_anomaly21_validation_and_test(tmp_path):
    smiyc(tmp_path, ['airplane0000', 'cow0001', 'validation0000', 'validation0001'], 'jpg')
    validation = open_set('road-anomaly21', tmp_path)
    assert validation.names == ('validation0000', 'validation0001')
    assert first(validation, 3) == [0, 1, 255]
    test = open_set('road-anomaly21', tmp_path, split='test')
    assert test.names == ('airplane0000', 'cow0001')
    assert test.image(0).shape == (16, 32, 3)
    with pytest.raises(ValueError, match='labels are withheld'):
        test.label(0)
    (tmp_path / 'labels_masks/validation0001_labels_semantic.png').unlink()
    with pytest.raises(ValueError, match='no label PNG for 1 of 2'):
        open_set('road-anomaly21', tmp_path)


def test_road_obstacle21_scenes_and_exclusions(tmp_path):
    smiyc(tmp_path, ['gravel_1', 'darkasphalt2_3', 'driveway_1', 'snowstorm2_1', 'validation_1',
                     'validation_20', 'validation_19', 'validation_25'], 'webp')
    expected = {'validation': ('validation_1', 'validation_20'),
                'test': ('darkasphalt2_3', 'gravel_1'), 'night': ('driveway_1',),
                'snowstorm': ('snowstorm2_1',)}
    for split, names in expected.items():
        assert open_set('road-obstacle21', tmp_path, split=split).names == names


def test_lost_and_found_codes_and_exclusions(tmp_path):
    bases = {'02_Hanns_Klemm_Str_44_000000_000020': [0, 1, 2, 43, 1],
             '02_Hanns_Klemm_Str_44_000001_000020': [0],  # nothing labelled: invalid
             '15_Rechbergstr_Deckenpfronn_000000_000020': [1, 31, 1],
             '10_Schlossberg_9_000004_000080': [1, 31, 1],
             '10_Schlossberg_9_000005_000080': [1, 31, 1]}
    for base, values in bases.items():
        scene = base[:-14]
        picture(tmp_path / f'leftImg8bit/test/{scene}/{base}_leftImg8bit.png')
        put(tmp_path / f'gtCoarse/test/{scene}/{base}_gtCoarse_labelIds.png', values)
    pairs = open_set('lost-and-found', tmp_path)
    assert pairs.names == ('02_Hanns_Klemm_Str_44_000000_000020', '10_Schlossberg_9_000005_000080')
    assert first(pairs, 5) == [255, 0, 1, 1, 0]
    assert len(open_set('lost-and-found', tmp_path, split='test')) == 4
    assert len(open_set('lost-and-found', tmp_path, split='test-all')) == 5


def test_fishyscapes_lost_and_found_archive_and_repack(tmp_path):
    base = '04_Maurener_Weg_8_000000_000030'
    laf = tmp_path / 'laf'
    image = picture(laf / f'leftImg8bit/test/04_Maurener_Weg_8/{base}_leftImg8bit.png')
    put(tmp_path / f'masks/0000_{base}_labels.png', [0, 1, 255])
    pairs = open_set('fishyscapes-lost-and-found', tmp_path / 'masks', images=laf)
    assert pairs.names == (f'0000_{base}',)
    assert pairs.pairs[0].image == image
    assert first(pairs, 3) == [0, 1, 255]
    with pytest.raises(ValueError, match='folder of Lost and Found with --images'):
        open_set('fishyscapes-lost-and-found', tmp_path / 'masks')
    image.unlink()
    with pytest.raises(ValueError, match=f'no {base}_leftImg8bit'):
        open_set('fishyscapes-lost-and-found', tmp_path / 'masks', images=laf)

    picture(tmp_path / f'pack/leftImg8bit/val/a/{base}_leftImg8bit.png')
    put(tmp_path / f'pack/ood/val/a/{base}_ood_segmentation.png', [0, 1, 2])
    pack = open_set('fishyscapes-lost-and-found', tmp_path / 'pack')
    assert first(pack, 3) == [0, 1, 255]


def test_fishyscapes_static_is_generated_from_signed_differences(tmp_path):
    base = 'lindau_000000_000019'
    cityscapes = tmp_path / 'cityscapes'
    picture(cityscapes / f'leftImg8bit/val/lindau/{base}_leftImg8bit.png', value=100)
    put(tmp_path / f'v1/0003_{base}_labels.png', [0, 1, 255])
    delta = np.zeros((16, 32, 3), np.int16)
    delta[0, 0] = (-40, 30, 200)
    np.savez(tmp_path / f'v1/0003_{base}_rgb.npz', rgb=delta)
    pairs = open_set('fishyscapes-static', tmp_path / 'v1', images=cityscapes)
    image = pairs.image(0)
    assert image[0, 0].tolist() == [60, 130, 255]
    assert (image[1:] == 100).all()
    np.savez(tmp_path / f'v1/0003_{base}_rgb.npz', rgb=delta.astype(np.uint8))
    with pytest.raises(ValueError, match='want a signed difference'):
        pairs.image(0)
    (tmp_path / f'v1/0003_{base}_rgb.npz').write_bytes(b'PK cut short')
    with pytest.raises(ValueError, match='want a readable NPZ file'):
        pairs.image(0)
    (tmp_path / f'v1/0003_{base}_rgb.npz').unlink()
    with pytest.raises(ValueError, match='which holds what was pasted'):
        open_set('fishyscapes-static', tmp_path / 'v1', images=cityscapes)


def test_fishyscapes_static_repack(tmp_path):
    picture(tmp_path / '4_rgb.jpg')
    put(tmp_path / '4_labels.png', [0, 1, 255])
    pairs = open_set('fishyscapes-static', tmp_path)
    assert pairs.names == ('4',)
    assert first(pairs, 3) == [0, 1, 255]


@pytest.mark.parametrize('suffix', ['', '.jpg'])
def test_road_anomaly(tmp_path, suffix):
    (tmp_path / 'frame_list.json').write_text(json.dumps([f'animals01_a.b{suffix}']))
    picture(tmp_path / 'frames/animals01_a.b.jpg')
    put(tmp_path / 'frames/animals01_a.b.labels/labels_semantic.png', [0, 1, 2, 3, 0])
    assert first(open_set('road-anomaly', tmp_path), 5) == [0, 0, 1, 1, 0]


def test_streethazards_towns(tmp_path):
    for town in ('t5', 't6'):
        picture(tmp_path / f'test/images/test/{town}/1.png')
        put(tmp_path / f'test/annotations/test/{town}/1.png', [14, 4, 1, 13])
    pairs = open_set('streethazards-test', tmp_path)
    assert pairs.names == ('t5/1', 't6/1')
    assert first(pairs, 4) == [1, 255, 0, 0]
    assert open_set('streethazards-test', tmp_path, split='t6').names == ('t6/1',)


def test_real_masks_of_the_folder_form(data_root):
    pairs = open_set('anomaly-folder', data_root / 'anomaly_val/fishyscapes_static_val')
    assert len(pairs) == 30
    assert set(np.unique(pairs.label(0))) == {0, 1, 255}


def test_unknown_set_lists_the_known():
    with pytest.raises(ValueError, match="'kitti' is not a data set; known are folder, cityscape"):
        open_set('kitti', Path())
