# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measures on the way: which sets they are taken on, and which figure picks a checkpoint."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from hybrid_training.config import TrainingConfig
from hybrid_training.validation import ValidationReport, open_validation

MEASURED = {'closed/miou': 0.5, 'a/hybrid_ap': 0.2, 'b/hybrid_ap': 0.4, 'a/generative_ap': 0.9,
            'a/hybrid_fpr95': 0.7}


@pytest.mark.parametrize(('values', 'rule', 'figure'), [
    (MEASURED, 'miou', 0.5), (MEASURED, 'open_set', 0.3), (MEASURED, 'both', 0.8),
    ({**MEASURED, 'held_out/hybrid_ap': 0.9}, 'open_set', 0.9),
    ({**MEASURED, 'held_out/hybrid_ap': 0.9}, 'both', 1.4),
    ({'closed/miou': 0.5}, 'both', 0.5), ({}, 'both', 0.0)])
def test_figure_that_picks_the_best(values, rule, figure):
    assert ValidationReport(values).selection(rule) == pytest.approx(figure)


def test_held_out_negatives_are_measured_by_every_part(toy_data, toy_config, tiny_net, tmp_path):
    for number in range(5):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((40, 40, 3), 250, np.uint8))
    config = TrainingConfig.model_validate({
        **toy_config, 'negatives': {'kind': 'images', 'root': str(tmp_path), 'size': [16, 24]},
        'validation': {**toy_config['validation'], 'held_out_negatives': {}}})
    validation = open_validation(config, toy_data)
    assert validation is not None
    values = validation.measure(tiny_net()).values
    assert set(values) == {'closed/miou'} | {
        f'{name}/{score}_{measure}' for name in ('anomalies', 'held_out')
        for score in ('hybrid', 'discriminative', 'generative', 'max_softmax')
        for measure in ('ap', 'fpr95')}


def test_measuring_twice_finds_the_same(toy_data, toy_config, tiny_net):
    validation = open_validation(TrainingConfig.model_validate(toy_config), toy_data)
    model = tiny_net()
    assert validation is not None
    assert validation.measure(model).values == validation.measure(model).values
    assert model.training  # left as it came


@pytest.mark.parametrize(('change', 'words'), [
    ({'anomaly_roots': ['{data}/nowhere']}, 'nowhere/images: no'),
    ({'closed_set': {'root': '{data}/nowhere'}}, 'nowhere/images: no such folder'),
])
def test_missing_set_is_found_before_training(toy_data, toy_config, change, words):
    config = TrainingConfig.model_validate({
        **toy_config, 'validation': {**toy_config['validation'], **change}})
    with pytest.raises(ValueError, match=words):
        open_validation(config, toy_data)


def test_anomaly_set_without_anomalies_is_named(toy_data, toy_config, tiny_net, tmp_path):
    calm = tmp_path / 'calm'
    shutil.copytree(toy_data / 'anomalies', calm)
    for path in (calm / 'masks').iterdir():
        cv2.imwrite(str(path), np.zeros((64, 128), np.uint8))
    config = TrainingConfig.model_validate({
        **toy_config, 'validation': {'size': [64, 128], 'anomaly_roots': [str(calm)]}})
    validation = open_validation(config, toy_data)
    assert validation is not None
    with pytest.raises(ValueError, match=f'{calm}: target has no pixel of value 1'):
        validation.measure(tiny_net())


def test_figures_are_those_of_all_pixels_pooled(toy_data, toy_config, tiny_net):
    from hybrid_training.data.anomaly_sets import open_anomaly_folder
    from hybrid_training.evaluation.measures import pool_scores
    from hybrid_training.evaluation.predictors import NetworkPredictor

    config = TrainingConfig.model_validate(toy_config)
    model = tiny_net()
    validation = open_validation(config, toy_data)
    assert validation is not None
    values = validation.measure(model).values
    pairs = open_anomaly_folder(toy_data / 'anomalies', size=(64, 128))
    pooled = pool_scores(NetworkPredictor(model, (64, 128)), pairs).measures()
    for score, found in pooled.items():
        assert values[f'anomalies/{score}_ap'] == pytest.approx(found.ap, abs=1e-4)
        assert values[f'anomalies/{score}_fpr95'] == pytest.approx(found.fpr95, abs=1e-4)


def test_steps_that_are_measured_after(toy_data, toy_config):
    validation = open_validation(TrainingConfig.model_validate(toy_config), toy_data)
    assert validation is not None
    assert [s for s in range(1, 11) if validation.due(s, 10)] == [4, 8, 10]
