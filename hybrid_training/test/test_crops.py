# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Random crops: labels stay on their pixels, rare classes are found."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_training.data.crops import ClassIndex, RandomCrop
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.label_ids import VOID, lookup_from_json
from hybrid_training.data.own_sets import open_folder


def test_labels_stay_on_their_pixels():
    label = np.zeros((100, 100), np.uint8)
    label[30:60, 20:70] = 5
    image = np.repeat((label * 40)[..., None], 3, axis=2)
    crop = RandomCrop((48, 64), (0.6, 2.0))
    for seed in range(30):
        rgb, cropped = crop(image, label, (100, 200), around=None, rng=np.random.default_rng(seed))
        assert rgb.shape == (48, 64, 3)
        # only the blended edge may disagree
        assert (np.abs(rgb[..., 0].astype(int) - cropped * 40.0) > 110).mean() < 0.05


def test_crop_larger_than_the_image_is_void_outside():
    image, label = np.full((20, 20, 3), 9, np.uint8), np.zeros((20, 20), np.uint8)
    rgb, cropped = RandomCrop((32, 32), (1.0, 1.0))(
        image, label, (20, 20), around=None, rng=np.random.default_rng(0))
    assert (cropped == VOID).sum() == 32 * 32 - 400
    assert (rgb[cropped == VOID] == 0).all()


def test_crop_around_a_place_contains_it():
    label = np.zeros((200, 200), np.uint8)
    label[150, 20] = label[150:154, 20:24] = 3
    image = np.zeros((200, 200, 3), np.uint8)
    crop = RandomCrop((50, 50), (1.0, 1.0))
    hits = [3 in crop(image, label, (200, 200), around=(152 / 200, 22 / 200),
                      rng=np.random.default_rng(s))[1] for s in range(20)]
    assert all(hits)


def test_index_draws_classes_uniformly(toy_data):
    pairs = open_folder(toy_data / 'streets/train', LabelCodes.from_table(
        lookup_from_json(toy_data / 'streets/labels.json')))
    index = ClassIndex.build(pairs, 19, seed=0)
    assert [n for n, p in enumerate(index.places) if len(p)] == [0, 2, 10]
    rng = np.random.default_rng(0)
    label = pairs.label(0)
    drawn = []
    for _ in range(60):
        number, (v, u) = index.draw(rng)
        label = pairs.label(number)
        drawn.append(label[int(v * label.shape[0]), int(u * label.shape[1])])
    counts = np.bincount(drawn, minlength=11)[[0, 2, 10]]
    assert counts.min() > 8


@pytest.mark.parametrize(('spoil', 'words'), [
    (lambda r: (r / 'labels' / '0.png').unlink(), 'no label PNG for 1 of 6 images'),
    (lambda r: [p.unlink() for p in (r / 'images').iterdir()], 'no images'),
])
def test_incomplete_folder_is_named(toy_data, tmp_path, spoil, words):
    import shutil

    root = tmp_path / 'set'
    shutil.copytree(toy_data / 'streets/train', root)
    spoil(root)
    with pytest.raises(ValueError, match=words):
        open_folder(root, LabelCodes.as_stored())
