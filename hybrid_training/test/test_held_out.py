# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Held-out negatives: never seen in training, pasted the same way at every reading."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybrid_training.config import TrainingConfig
from hybrid_training.data.coco_bank import CocoBank
from hybrid_training.data.held_out import PastedNegatives
from hybrid_training.data.image_bank import ImageBank, SegmentBank
from hybrid_training.data.mixed_content import MixedContent
from hybrid_training.data.negatives import CutoutBank, NegativeBank
from hybrid_training.training_data import open_held_out, training_samples

COUNT = 10


@pytest.fixture
def things(tmp_path) -> Path:
    """Ten negatives of flat colours 20, 40, ... 200, in the form of every bank."""
    root = tmp_path / 'things'
    coco = {'categories': [{'id': 1, 'name': 'cup'}], 'images': [], 'annotations': []}
    for folder in ('crops', 'train2017', 'annotations/training', 'images/training'):
        (root / folder).mkdir(parents=True)
    with (root / 'index.csv').open('w', newline='') as stream:
        writer = csv.writer(stream)
        writer.writerow(['name', 'category'])
        for n in range(COUNT):
            writer.writerow([f'{n}', 'cup'])
            picture = np.full((60, 60, 3), 20 + 20 * n, np.uint8)
            for path in (f'crops/{n}.png', f'annotations/training/{n}.png'):
                cv2.imwrite(str(root / path), np.full((60, 60), 255 if 'crop' in path else 7,
                                                      np.uint8))
            for path in (f'crops/{n}.jpg', f'train2017/{n}.jpg', f'images/training/{n}.jpg'):
                cv2.imwrite(str(root / path), picture)
            coco['images'].append({'id': n, 'file_name': f'{n}.jpg'})
            coco['annotations'].append({
                'image_id': n, 'category_id': 1, 'area': 2500,
                'segmentation': [[5, 5, 55, 5, 55, 55, 5, 55]]})
    (root / 'annotations/instances_train2017.json').write_text(json.dumps(coco))
    return root


def colors(bank: NegativeBank) -> set[int]:
    rng = np.random.default_rng(0)
    return {round(float(bank.draw(rng).rgb.mean()) / 20) * 20 for _ in range(200)}


@pytest.mark.parametrize('opened', [
    lambda root, part: CutoutBank(root, part=part),
    lambda root, part: ImageBank(root / 'train2017', part=part),
    lambda root, part: SegmentBank(root, exclude=(), part=part),
    lambda root, part: CocoBank(root, 'train2017', exclude=(), part=part),
], ids=['cutouts', 'images', 'ade20k', 'coco'])
def test_every_fifth_by_name_is_held_out(things, opened):
    held_out, rest = colors(opened(things, 'val')), colors(opened(things, 'train'))
    assert held_out == {100, 200}  # the fifth and the tenth
    assert rest == {20, 40, 60, 80, 120, 140, 160, 180}
    assert colors(opened(things, 'all')) == held_out | rest


def test_cutouts_of_one_picture_stay_together(things):
    index = things / 'index.csv'
    rows = index.read_text().split()
    index.write_text('\n'.join(
        [rows[0] + ',coco_file', *(f'{r},{n // 2}.jpg' for n, r in enumerate(rows[1:]))]))
    assert colors(CutoutBank(things, part='val')) == {180, 200}


def test_too_few_to_hold_out_are_named(toy_data):
    with pytest.raises(ValueError, match=r'negatives: 2 images are too few to hold every 5th out'):
        CutoutBank(toy_data / 'negatives', part='val')


@pytest.fixture
def held_out_config(toy_config, things) -> TrainingConfig:
    return TrainingConfig.model_validate({
        **toy_config, 'negatives': {**toy_config['negatives'], 'root': str(things)},
        'validation': {**toy_config['validation'], 'held_out_negatives': {}}})


def test_opened_set_holds_what_training_does_not_paste(held_out_config, toy_data, things):
    pasted = open_held_out(held_out_config, toy_data)
    assert isinstance(pasted, PastedNegatives)
    assert (len(pasted), pasted.size, pasted.names) == (2, (64, 128), ('0', '1'))
    assert pasted.root.name == 'held_out'
    shown = np.concatenate([pasted.image(i)[pasted.label(i) == 1] for i in range(2)])
    assert len(shown) > 50
    mixed = training_samples(held_out_config, toy_data)._mixed_content
    assert mixed is not None
    assert colors(mixed.bank) == {20, 40, 60, 80, 120, 140, 160, 180}


def test_pictures_are_the_same_at_every_reading(held_out_config, toy_data):
    first, second = (open_held_out(held_out_config, toy_data) for _ in range(2))
    assert first is not None
    assert second is not None
    backwards = {i: (second.image(i), second.label(i)) for i in (1, 0)}
    for i in range(2):
        image, label = first.image(i), first.label(i)
        assert image.shape == (64, 128, 3)
        assert set(np.unique(label)) <= {0, 1, 255}
        assert (label == 1).any()
        np.testing.assert_array_equal(image, backwards[i][0])
        np.testing.assert_array_equal(label, backwards[i][1])
    first.image(0)[:] = 0  # what is given away is the caller's
    np.testing.assert_array_equal(first.image(0), backwards[0][0])


def test_void_of_the_picture_is_void_of_the_mask(things, toy_data):
    from hybrid_training.data.label_codes import LabelCodes
    from hybrid_training.data.own_sets import open_folder

    # ids 7, 11, 23; 23 is none of twenty classes
    pairs = open_folder(toy_data / 'streets/val', LabelCodes.as_stored())
    pasted = PastedNegatives(pairs, MixedContent(CutoutBank(things), size=(8, 12)),
                             num_classes=20, limit=1, seed=3)
    label, known = pasted.label(0), pairs.label(0)
    assert label.shape == known.shape == pasted.nominal_size(0)
    assert (label[(known == 23) & (label != 1)] == 255).all()
    assert (label[known == 7] == 0).mean() > 0.5


@pytest.mark.parametrize(('change', 'words'), [
    ({'negatives': None}, 'there are no negatives to hold a fifth out of'),
    ({'validation': {'held_out_negatives': {}}}, 'pasted into closed_set, which is missing'),
    ({'validation': {'closed_set': {'root': 'x'}, 'held_out_negatives': {
        'negatives': {'root': '{data}/negatives'}}}}, 'is what training pastes'),
])
def test_configuration_that_cannot_hold_out_is_refused(toy_config, change, words):
    validation = {**toy_config['validation'], 'held_out_negatives': {}}
    with pytest.raises(ValueError, match=words):
        TrainingConfig.model_validate({**toy_config, 'validation': validation, **change})


def test_set_of_its_own_leaves_training_all_of_its_negatives(toy_config, toy_data, things):
    validation = {**toy_config['validation'], 'held_out_negatives': {
        'negatives': {'root': str(things)}, 'limit': 1}}
    config = TrainingConfig.model_validate({**toy_config, 'validation': validation})
    assert config.negatives_part == 'all'
    pasted = open_held_out(config, toy_data)
    assert pasted is not None
    assert len(pasted) == 1
    without = TrainingConfig.model_validate(toy_config)
    assert open_held_out(without, toy_data) is None


def test_pictures_without_negatives_are_refused(toy_data, things):
    from hybrid_training.data.label_codes import LabelCodes
    from hybrid_training.data.own_sets import open_folder

    with pytest.raises(ValueError, match='may leave a picture without any'):
        PastedNegatives(open_folder(toy_data / 'streets/val', LabelCodes.as_stored()),
                        MixedContent(CutoutBank(things), count=(0, 2)), num_classes=19)
