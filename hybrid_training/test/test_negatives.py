# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sources of negatives: what they draw, what they leave out, and that they repeat."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from pydantic import ValidationError
import pytest

from hybrid_training.cli.main import main
from hybrid_training.config import NegativesConfig
from hybrid_training.data.class_list import CITYSCAPES, ClassList
from hybrid_training.data.coco_bank import CocoBank
from hybrid_training.data.image_bank import ImageBank, SegmentBank
from hybrid_training.data.leakage import leaking_ade_ids, leaking_categories
from hybrid_training.data.mixed_content import MixedContent
from hybrid_training.data.negatives import Cutout, CutoutBank, eroded
from hybrid_training.training_data import open_negatives

OWN = ClassList.model_validate({'classes': ['floor', 'Cup']})


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


@pytest.fixture
def ade(tmp_path) -> Path:
    """Return two images: a car (21) beside an animal (127), and nothing but road (7)."""
    root = tmp_path / 'ADEChallengeData2016'
    label = np.full((120, 160), 21, np.uint8)
    label[:, 60:100] = 127
    image = np.zeros((120, 160, 3), np.uint8)
    image[label == 127] = (0, 0, 200)
    write(root / 'images/training/ADE_train_1.jpg', image)
    write(root / 'annotations/training/ADE_train_1.png', label)
    write(root / 'images/training/ADE_train_2.jpg', image)
    write(root / 'annotations/training/ADE_train_2.png', np.full((120, 160), 7, np.uint8))
    return root


@pytest.fixture
def coco(tmp_path) -> Path:
    root = tmp_path / 'coco'
    image = np.zeros((100, 100, 3), np.uint8)
    cv2.rectangle(image, (20, 30), (79, 89), (200, 0, 0), -1)
    write(root / 'val2017/1.jpg', image)
    square = [[20, 30, 79, 30, 79, 89, 20, 89]]

    def thing(category: int, **other: object) -> dict:
        return {'image_id': 1, 'category_id': category, 'segmentation': square, 'area': 3600,
                'iscrowd': 0, **other}

    content = {
        'images': [{'id': 1, 'file_name': '1.jpg'}],
        'categories': [{'id': 3, 'name': 'car'}, {'id': 18, 'name': 'dog'}],
        'annotations': [thing(3), thing(18), thing(18, area=100),
                        thing(18, iscrowd=1, segmentation={'counts': [], 'size': [9, 9]})]}
    (root / 'annotations').mkdir()
    (root / 'annotations/instances_val2017.json').write_text(json.dumps(content))
    return root


def test_segments_come_without_the_street(ade):
    bank = SegmentBank(ade, exclude=leaking_ade_ids(CITYSCAPES))
    rng = np.random.default_rng(0)
    for _ in range(8):
        cutout = bank.draw(rng)
        assert cutout.category == '127'
        inside = cutout.rgb[cutout.mask == 255]
        assert (inside[:, 0] > 150).mean() > 0.97  # red: the animal and nothing beside it
        assert cutout.mask[:, 0].any()  # cut to its bounds
        assert cutout.mask[:, -1].any()


def test_segments_of_all_ids_are_the_paper_s(ade):
    bank = SegmentBank(ade, exclude=())
    drawn = {bank.draw(np.random.default_rng(s)).category for s in range(40)}
    assert drawn == {'7', '21', '127', '21 and 127'}


def test_segments_that_all_leak_end_in_an_error(ade):
    with pytest.raises(ValueError, match='held no segment but of the excluded ids'):
        SegmentBank(ade, exclude=range(151)).draw(np.random.default_rng(0))
    (ade / 'annotations/training/ADE_train_2.png').unlink()
    with pytest.raises(ValueError, match=r'ADE_train_2\.png: not found'):
        SegmentBank(ade, exclude=())


def test_instances_come_without_cars_crowds_and_crumbs(coco):
    bank = CocoBank(coco, 'val2017', exclude=leaking_categories(CITYSCAPES), erode=1)
    assert len(bank) == 1
    cutout = bank.draw(np.random.default_rng(0))
    assert cutout.category == 'dog'
    assert cutout.mask.shape == (58, 58)  # 60 less one pixel of rim on every side
    assert (cutout.mask == 255).all()
    assert (cutout.rgb[..., 2] > 150).all()
    assert len(CocoBank(coco, 'val2017', exclude=())) == 2


def test_instances_name_what_is_missing(coco):
    with pytest.raises(ValueError, match=r'instances_train2017\.json: cannot read'):
        CocoBank(coco, 'train2017', exclude=())
    with pytest.raises(ValueError, match='is left after leaving out'):
        CocoBank(coco, 'val2017', exclude={'dog', 'car'})
    (coco / 'val2017/1.jpg').unlink()
    with pytest.raises(ValueError, match=r'1\.jpg: not found'):
        CocoBank(coco, 'val2017', exclude=())
    (coco / 'annotations/instances_val2017.json').write_text('[]')
    with pytest.raises(ValueError, match='want COCO instances'):
        CocoBank(coco, 'val2017', exclude=())


def test_rectangles_of_any_images(tmp_path):
    write(tmp_path / 'a/b/1.png', np.full((40, 60, 3), 50, np.uint8))
    bank = ImageBank(tmp_path)
    rng = np.random.default_rng(1)
    shapes = {bank.draw(rng).mask.shape for _ in range(20)}
    assert len(shapes) > 10
    assert all(8 <= h <= 40 and 12 <= w <= 60 for h, w in shapes)
    with pytest.raises(ValueError, match='no such folder'):
        ImageBank(tmp_path / 'none')


@pytest.mark.parametrize('kind', ['cutouts', 'images', 'ade20k', 'coco'])
def test_every_kind_repeats_and_pastes(kind, toy_data, ade, coco, tmp_path):
    root = {'cutouts': toy_data / 'negatives', 'images': ade / 'images', 'ade20k': ade,
            'coco': coco}[kind]
    config = NegativesConfig(root=str(root), kind=kind, split='val2017', size=(8, 30))
    mixed = [MixedContent(open_negatives(config, tmp_path, CITYSCAPES), size=config.size)
             for _ in range(2)]
    canvases = []
    for each in mixed:
        image, label = np.full((64, 64, 3), 100, np.uint8), np.zeros((64, 64), np.uint8)
        each.paste(image, label, ignore=255, negative=254, rng=np.random.default_rng(7))
        canvases.append((image, label))
    assert (canvases[0][1] == 254).any()
    for first, second in zip(*canvases, strict=True):
        np.testing.assert_array_equal(first, second)


def test_own_classes_leave_out_their_own_names(toy_data):
    config = NegativesConfig(root=str(toy_data / 'negatives'))
    assert len(open_negatives(config, toy_data, OWN)) == 2  # no cup, but the potted plant
    everything = NegativesConfig(root=str(toy_data / 'negatives'), exclude=())
    assert len(open_negatives(everything, toy_data, OWN)) == 3


def test_erosion_takes_the_rim_off():
    mask = np.zeros((9, 9), np.uint8)
    mask[1:8, 1:8] = 255
    assert [int((eroded(mask, n) > 0).sum()) for n in range(3)] == [49, 25, 9]


class _Block:
    def __len__(self) -> int:
        return 1

    def draw(self, rng: np.random.Generator) -> Cutout:
        return Cutout(np.full((10, 10, 3), 250, np.uint8), np.full((10, 10), 255, np.uint8), 'x')


def test_number_size_rows_and_feather_are_kept():
    mixed = MixedContent(_Block(), count=(1, 1), size=(10, 10.0001), rectangle_share=0,
                         feather=(0.3, 0.3), rows=(0.5, 0.75))
    centres = []
    for seed in range(60):
        image, label = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8)
        mixed.paste(image, label, ignore=255, negative=254, rng=np.random.default_rng(seed))
        rows = np.nonzero((label == 254).any(axis=1))[0]
        centres.append(rows.mean() + 0.5)
        assert 64 <= (label == 254).sum() <= 100
    assert min(centres) >= 39.5
    assert max(centres) <= 60.5
    assert max(centres) - min(centres) > 12


@pytest.mark.parametrize(('change', 'words'), [
    ({'count': [3, 1]}, r'count: want \[least, most\], got \[3, 1\]'),
    ({'size': [0, 9]}, 'size: want'), ({'rows': [0.2, 1.4]}, 'rows'),
    ({'feather': [0, 1]}, 'feather'), ({'kind': 'ade20k', 'exclude': ['car']}, 'wants int'),
    ({'exclude': [21]}, 'wants str')])
def test_bad_settings_are_named(change, words):
    with pytest.raises(ValidationError, match=words):
        NegativesConfig.model_validate({'root': 'x', **change})


def test_real_cutouts_are_all_used(data_root):
    bank = CutoutBank(data_root / 'negatives', exclude=leaking_categories(CITYSCAPES))
    assert len(bank) == len(CutoutBank(data_root / 'negatives', exclude={'potted plant'}))


@pytest.mark.parametrize('name', ['cutouts', 'ade20k', 'coco', 'images'])
def test_sources_can_be_checked(name, toy_data, ade, coco, tmp_path, capsys):
    place = {'cutouts': toy_data / 'negatives', 'ade20k': ade, 'coco': coco,
             'images': ade / 'images'}[name]
    split = ['--split', 'val2017'] if name == 'coco' else []
    sheet = tmp_path / 'sheet.png'
    assert main(['data', 'check', name, str(place), *split, '--sheet', str(sheet)]) == 0
    count = {'cutouts': 3, 'coco': 1}.get(name, 2)
    assert f'{count} images' in capsys.readouterr().out
    assert sheet.is_file()


def test_checked_sources_name_their_faults(ade, tmp_path, capsys):
    write(ade / 'annotations/training/ADE_train_2.png', np.full((120, 160), 151, np.uint8))
    assert main(['data', 'check', 'ade20k', str(ade)]) == 1
    assert 'ADE_train_2.png: 19200 pixels have the value 151' in capsys.readouterr().err
    (tmp_path / 'index.csv').write_text('file,class\na,b\n')
    assert main(['data', 'check', 'cutouts', str(tmp_path)]) == 1
    assert 'want a CSV with the columns name, category, got file, class' in (
        capsys.readouterr().err)
