# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Inlier sets whose labels name several classes at a time, from YAML to the loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import TrainingConfig
from hybrid_training.data.class_list import CITYSCAPES
from hybrid_training.exceptions import ConfigError
from hybrid_training.train import train
from hybrid_training.training_data import coarse_labels, open_inliers, training_samples

VALUES = {7: 'road', 11: ['wall', 'building'], 23: None}
WALL_OR_BUILDING = (2, 3)


@pytest.fixture
def coarse(toy_config):
    """Return a configuration with the toy streets in fine and in coarse labels."""
    fine = toy_config['inliers'][0]
    values = {'root': fine['root'], 'size': fine['size'], 'values': VALUES}
    return {**toy_config, 'inliers': [fine, values], 'negatives': None,
            'crop': {**toy_config['crop'], 'class_balanced': 0.0}}


def open_config(plain) -> TrainingConfig:
    return TrainingConfig.model_validate(plain)


def test_each_union_is_found_once(coarse):
    config = open_config({**coarse, 'inliers': [*coarse['inliers'], coarse['inliers'][1]]})
    assert coarse_labels(config, CITYSCAPES) == (WALL_OR_BUILDING,)


def test_a_class_that_is_named_twice_counts_once(coarse):
    twice = {**coarse['inliers'][1], 'values': {7: ['road', 'road'], 11: ['wall', 'wall', 'sky']}}
    config = open_config({**coarse, 'inliers': [twice]})
    assert coarse_labels(config, CITYSCAPES) == ((3, 10),)


def test_samples_hold_classes_ignore_and_unions(coarse, toy_data):
    only = open_config({**coarse, 'inliers': coarse['inliers'][1:]})
    samples = training_samples(only, toy_data)
    found = set(np.unique(np.concatenate([samples[i][1].ravel() for i in range(8)])))
    assert found == {0, 19, 21}, 'road; sky, of which nothing is known; K + 2'


def test_where_no_union_is_asked_for_coarse_labels_are_void(coarse, toy_data):
    pairs = open_inliers(open_config(coarse).inliers[1], toy_data)
    assert set(np.unique(pairs.label(0))) == {0, 255}


def test_a_run_learns_from_both_and_goes_on(coarse, toy_data, tiny_net, tmp_path):
    last = train(open_config({**coarse, 'stop': 2}), tmp_path / 'run', data_root=toy_data)
    stored = TrainingConfig.model_validate(load_checkpoint(last).config)
    assert coarse_labels(stored, CITYSCAPES) == (WALL_OR_BUILDING,)
    train(open_config(coarse), tmp_path / 'run', data_root=toy_data)
    assert load_checkpoint(last).step == 4
    assert all(torch.isfinite(value).all() for value in load_checkpoint(last).model.values())


@pytest.mark.parametrize(('values', 'words'), [
    ({7: 'rode'}, "'rode' is none of the classes"),
    ({7: []}, 'none of the classes'),
])
def test_a_name_that_is_no_class_is_named(coarse, values, words):
    wrong = {**coarse['inliers'][1], 'values': values}
    with pytest.raises(ConfigError, match=words):
        coarse_labels(open_config({**coarse, 'inliers': [wrong]}), CITYSCAPES)


@pytest.mark.parametrize(('change', 'words'), [
    ({'lookup': 'x.json'}, 'in place of lookup'),
    ({'values': {300: 'road'}}, 'label files are 8 bit, got 300'),
    ({'set': 'bdd100k'}, 'only for folder'),
])
def test_values_that_cannot_be_meant_are_named(coarse, change, words):
    wrong = {**coarse['inliers'][1], **change}
    with pytest.raises(ValueError, match=words):
        open_config({**coarse, 'inliers': [wrong]})
