# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts and label codes of the inlier sets, on small trees of the same form."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
import pytest

from hybrid_training.data.class_list import CAMVID, CITYSCAPES, STREETHAZARDS, ClassList
from hybrid_training.data.inlier_sets import CITYSCAPES_CODES
from hybrid_training.data.mapillary import _CITYSCAPES_OF
from hybrid_training.data.own_sets import open_folder, take_part
from hybrid_training.data.registry import open_set


def put(path: Path, values, *, size=(16, 32)) -> Path:
    """Write a label PNG whose first pixels have these values, the rest the last of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    label = np.full(size, values[-1], np.uint8)
    label.flat[:len(values)] = values
    cv2.imwrite(str(path), label)
    return path


def picture(path: Path, *, size=(16, 32), channels=3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, channels), 90, np.uint8))
    return path


def first(pairs, count: int) -> list[int]:
    return pairs.label(0).ravel()[:count].tolist()


def test_cityscapes_official_tree(tmp_path):
    base = 'ulm/ulm_000001_000019'
    picture(tmp_path / f'leftImg8bit/train/{base}_leftImg8bit.png')
    put(tmp_path / f'gtFine/train/{base}_gtFine_labelIds.png', [7, 8, 26, 33, 4, 0])
    picture(tmp_path / f'gtFine/train/{base}_gtFine_color.png')  # lies there too
    pairs = open_set('cityscapes', tmp_path)
    assert pairs.names == ('ulm_000001_000019',)
    assert first(pairs, 6) == [0, 1, 13, 18, 255, 255]
    assert pairs.nominal_size(0) == (16, 32)
    with pytest.raises(ValueError, match='nothing like leftImg8bit/val/CITY'):
        open_set('cityscapes', tmp_path, split='val')
    with pytest.raises(ValueError, match="no split 'test'; it has train, val"):
        open_set('cityscapes', tmp_path, split='test')


def test_cityscapes_ids_are_the_published_ones():
    ids = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert CITYSCAPES_CODES.table[ids].tolist() == list(range(19))
    assert (np.delete(CITYSCAPES_CODES.table, ids) == 255).all()
    assert not CITYSCAPES_CODES.allowed[34:].any()


def test_squeezed_pack_is_seen_at_two_to_one(tmp_path):
    picture(tmp_path / 'val/images/a.jpg', size=(20, 20))
    put(tmp_path / 'val/labels/a.png', [7, 1], size=(20, 20))
    pairs = open_set('cityscapes640', tmp_path, split='val')
    assert pairs.nominal_size(0) == (512, 1024)
    assert first(pairs, 2) == [0, 255]


@pytest.mark.parametrize('folders', [('val', 'valannot'), ('val/images', 'val/labels')])
def test_camvid_in_its_own_and_in_cityscapes_classes(tmp_path, folders):
    picture(tmp_path / folders[0] / '0016E5_07959.png', size=(12, 16))
    put(tmp_path / folders[1] / '0016E5_07959.png', [0, 3, 10, 11], size=(12, 16))
    assert first(open_set('camvid', tmp_path, split='val'), 4) == [0, 3, 10, 255]
    mapped = open_set('camvid', tmp_path, split='val', classes=CITYSCAPES)
    assert first(mapped, 4) == [10, 0, 12, 255]
    with pytest.raises(ValueError, match='in the classes of camvid or cityscapes'):
        open_set('camvid', tmp_path, split='val', classes=STREETHAZARDS)


def test_streethazards_drops_other_and_keeps_three_channels(tmp_path):
    picture(tmp_path / 'train/images/training/t1/7.png', channels=4)
    put(tmp_path / 'train/annotations/training/t1/7.png', [1, 2, 3, 4, 5, 13])
    pairs = open_set('streethazards', tmp_path)
    assert pairs.names == ('t1/7',)
    assert pairs.image(0).shape == (16, 32, 3)
    assert first(pairs, 6) == [0, 1, 2, 255, 3, 11]
    picture(tmp_path / 'test/images/test/t5/1.png')
    put(tmp_path / 'test/annotations/test/t5/1.png', [14, 4, 13])
    assert first(open_set('streethazards-open', tmp_path), 3) == [12, 255, 11]


def test_mapillary_palette_labels_by_name(tmp_path):
    names = ['animal--bird', *_CITYSCAPES_OF, 'void--unlabeled']
    (tmp_path / 'config.json').write_text(json.dumps({'labels': [{'name': n} for n in names]}))
    picture(tmp_path / 'validation/images/x.jpg')
    label = np.zeros((16, 32), np.uint8)
    label[0, :3] = [names.index('construction--flat--road'),
                    names.index('object--vehicle--bicycle'), len(names) - 1]
    path = tmp_path / 'validation/labels/x.png'
    path.parent.mkdir()
    stored = Image.fromarray(label).convert('P')
    stored.putpalette(list(range(256)) * 3)
    stored.save(path)
    assert Image.open(path).mode == 'P'
    pairs = open_set('mapillary', tmp_path, split='val')
    assert first(pairs, 4) == [0, 18, 255, 255]
    (tmp_path / 'config.json').write_text(json.dumps({'labels': [{'name': 'object--sign'}]}))
    with pytest.raises(ValueError, match=r'want the labels and the configuration of version 1\.2'):
        open_set('mapillary', tmp_path, split='val')


def test_own_folder_and_its_parts(tmp_path):
    for i in range(10):
        picture(tmp_path / f'images/{i}.JPG' if i else tmp_path / 'images/0.webp')
        put(tmp_path / f'labels/{i}.png', [i % 2])
    codes = ClassList.model_validate({'classes': ['floor', 'wall']}).codes()
    pairs = open_folder(tmp_path, codes)
    assert take_part(pairs, 'val').names == ('4', '9')
    assert take_part(pairs, 'train').names == ('0', '1', '2', '3', '5', '6', '7', '8')
    (tmp_path / 'labels/3.png').unlink()
    with pytest.raises(ValueError, match=r'no label PNG for 1 of 10 images, .* labels/3\.png'):
        open_folder(tmp_path, codes)


def test_value_outside_the_classes_names_file_and_value(tmp_path):
    picture(tmp_path / 'images/a.png')
    put(tmp_path / 'labels/a.png', [0, 1, 2])
    classes = ClassList.model_validate({'classes': ['floor', 'wall']})
    pairs = open_set('folder', tmp_path, classes=classes)
    with pytest.raises(ValueError, match=r'a\.png: 510 pixels have the value 2; .* 0-1, 255'):
        pairs.label(0)


def test_real_camvid_and_pack(data_root):
    camvid = open_set('camvid', data_root / 'camvid', split='val', classes=CITYSCAPES)
    assert len(camvid) == 101
    assert set(np.unique(camvid.label(0))) <= {*range(19), 255}
    assert len(CAMVID) == 11
    pack = open_set('cityscapes640', data_root / 'cityscapes640', split='val')
    assert len(pack) == 236
    assert pack.image(0).shape == (640, 640, 3)
