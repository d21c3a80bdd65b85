# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pasted negatives: labels, rims, determinism, and what the stream of samples gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hybrid_training.batch_stream import batches
from hybrid_training.config import TrainingConfig
from hybrid_training.data.mixed_content import MixedContent
from hybrid_training.data.negatives import CutoutBank
from hybrid_training.exceptions import ConfigError
from hybrid_training.training_data import training_samples


def canvas() -> tuple[np.ndarray, np.ndarray]:
    return np.full((64, 64, 3), 100, np.uint8), np.zeros((64, 64), np.uint8)


def test_leaking_categories_are_left_out(toy_data):
    bank = CutoutBank(toy_data / 'negatives')
    rng = np.random.default_rng(0)
    assert len(bank) == 2
    assert {bank.draw(rng).category for _ in range(50)} == {'cup', 'dog'}


@pytest.mark.parametrize('rectangle_share', [0.0, 1.0])
def test_only_labelled_pixels_change(toy_data, rectangle_share):
    mixed = MixedContent(CutoutBank(toy_data / 'negatives'), size=(12, 40),
                         rectangle_share=rectangle_share)
    for seed in range(20):
        image, label = canvas()
        mixed.paste(image, label, ignore=255, negative=254, rng=np.random.default_rng(seed))
        assert set(np.unique(label)) <= {0, 254, 255}
        assert (label == 254).any()
        changed = (np.abs(image.astype(int) - 100) > 16).any(axis=2)
        assert not (changed & (label == 0)).any()


def test_pasting_repeats_with_the_seed(toy_data):
    mixed = MixedContent(CutoutBank(toy_data / 'negatives'), size=(12, 40))
    first, second = canvas(), canvas()
    for image, label in (first, second):
        mixed.paste(image, label, ignore=255, negative=254, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_missing_index_names_the_file(tmp_path):
    with pytest.raises(ValueError, match=r'index\.csv: not found'):
        CutoutBank(tmp_path)


def test_samples_hold_the_training_ids(toy_data, toy_config):
    samples = training_samples(TrainingConfig.model_validate(toy_config), toy_data)
    seen = set()
    for number in range(len(samples)):
        image, label = samples[number]
        assert image.shape == (3, 64, 64)
        assert image.dtype == label.dtype == torch.uint8
        seen |= set(label.unique().tolist())
    assert seen <= {0, 2, 10, 19, 20}  # road, building, sky, ignore = K, negative = K + 1
    assert 20 in seen


def test_anomaly_set_is_refused_as_inlier_set(toy_data, toy_config):
    inlier = {'root': '{data}/anomalies', 'set': 'anomaly-folder'}
    config = TrainingConfig.model_validate({**toy_config, 'inliers': [inlier]})
    with pytest.raises(ConfigError, match='anomaly-folder is a set of anomaly data'):
        training_samples(config, toy_data)


def test_closed_set_training_has_no_negatives(toy_data, toy_config):
    config = TrainingConfig.model_validate({**toy_config, 'negatives': None})
    samples = training_samples(config, toy_data)
    assert all(20 not in samples[n][1] for n in range(len(samples)))


@pytest.mark.parametrize('workers', [0, 1])
def test_resumed_stream_goes_on_where_it_stopped(toy_data, toy_config, workers):
    samples = training_samples(TrainingConfig.model_validate(toy_config), toy_data)
    whole = list(batches(samples, batch_size=2, start=0, workers=0))
    rest = list(batches(samples, batch_size=2, start=2, workers=workers))
    assert len(whole) == 4
    assert len(rest) == 2
    for batch, again in zip(whole[2:], rest, strict=True):
        assert torch.equal(batch.image, again.image)
        assert torch.equal(batch.label, again.label)


def test_real_negatives_paste(data_root: Path):
    bank = CutoutBank(data_root / 'negatives')
    assert len(bank) > 500
    image, label = np.zeros((288, 512, 3), np.uint8), np.zeros((288, 512), np.uint8)
    MixedContent(bank).paste(image, label, ignore=255, negative=254,
                             rng=np.random.default_rng(1))
    assert (label == 254).any()


def test_registered_set_gives_the_samples_of_its_folder(data_root: Path, toy_data):
    """The same pack, opened as a plain folder and by name, gives the same training samples."""
    pack = data_root / 'cityscapes640'
    common = {'name': 'same', 'steps': 1, 'batch_size': 2, 'crop': {'size': [64, 64]}}
    by_folder = {'root': str(pack / 'val'), 'lookup': str(pack / 'labels.json'),
                 'size': [512, 1024], 'part': 'val'}
    by_name = {'set': 'cityscapes640', 'root': str(pack), 'split': 'val', 'part': 'val'}
    first, second = (
        training_samples(TrainingConfig.model_validate({**common, 'inliers': [inlier]}), toy_data)
        for inlier in (by_folder, by_name))
    for number in range(2):
        assert all(map(torch.equal, first[number], second[number]))
