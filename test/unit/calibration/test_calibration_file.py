# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Operating points beside a manifest are found, checked, and only used for their model."""

from __future__ import annotations

import json
import logging

import pytest

from hybrid_perception.calibration.calibration_file import (
    calibration_path,
    load_drift_reference,
    write_calibration,
)
from hybrid_perception.exceptions import ModelError, ParameterError
from hybrid_perception.manifest import load_manifest


def document(sha256, **fields):
    point = {'threshold': 7.5, 'target': 'FPR', 'data': 'drive.mcap, 200 frames', 'fpr': 0.009}
    return {
        'format': 1, 'name': 'mine', 'model_sha256': sha256, 'source': {'file': 'drive.mcap'},
        'date': '2026-01-01T00:00:00+00:00', 'frames': 200, 'guarantee': 'words',
        'operating_points': {'mine/fpr0.01': point},
        'score_quantiles': {'share': [0.5], 'score': [1.0]}, **fields}


def test_the_operating_point_is_found_by_every_way_to_name_the_model(tiny_model):
    before = load_manifest(tiny_model)
    path = write_calibration(tiny_model, document(before.sha256))
    assert path.name == 'tiny.mine.calibration.json'
    for given in (tiny_model, tiny_model.with_suffix('.onnx'), tiny_model.parent):
        manifest = load_manifest(given)
        assert manifest.threshold('mine/fpr0.01') == 7.5
        assert manifest.threshold() == before.threshold()
        assert manifest.operating_points['mine/fpr0.01'].fpr == 0.009
    assert set(before.operating_points) < set(manifest.operating_points)


def test_a_calibration_of_another_model_is_not_used(tiny_model, caplog):
    path = write_calibration(tiny_model, document('a' * 64))
    with caplog.at_level(logging.WARNING):
        manifest = load_manifest(tiny_model)
    assert 'mine/fpr0.01' not in manifest.operating_points
    assert f'{path} was made for another model' in caplog.text
    with pytest.raises(ParameterError, match=r'mine/fpr0\.01'):
        manifest.threshold('mine/fpr0.01')


def test_a_neighbour_whose_name_begins_alike_is_left_alone(make_tiny_model, caplog):
    make_tiny_model(name='tiny')
    longer = make_tiny_model(name='tiny.v2')
    write_calibration(longer, document(load_manifest(longer).sha256))
    assert load_manifest(longer).threshold('mine/fpr0.01') == 7.5
    assert 'mine/fpr0.01' not in load_manifest(longer.with_name('tiny.json')).operating_points
    assert caplog.text == ''


DRIFT = {'edges': [-8.0, -2.0], 'shares': [0.5, 0.5], 'window': 16, 'interval': 0.1,
         'limit': 0.2, 'windows': 40}


def test_the_looks_of_the_drive_are_those_of_this_model_and_calibration(tiny_model):
    sha256 = load_manifest(tiny_model).sha256
    write_calibration(tiny_model, document(sha256, drift=DRIFT))
    found = load_drift_reference(tiny_model, sha256, 'mine')
    assert (found.name, found.edges, found.shares) == ('mine', (-8.0, -2.0), (0.5, 0.5))
    assert (found.window, found.interval, found.limit, found.windows) == (16, 0.1, 0.2, 40)
    assert load_drift_reference(tiny_model, 'a' * 64, 'mine') is None
    assert load_drift_reference(tiny_model, sha256, 'yours') is None
    write_calibration(tiny_model, document(sha256))
    assert load_drift_reference(tiny_model, sha256, 'mine') is None
    write_calibration(tiny_model, document(sha256, drift={**DRIFT, 'shares': [0.1, 0.2, 0.7]}))
    with pytest.raises(ModelError, match='of one length'):
        load_drift_reference(tiny_model, sha256, 'mine')


@pytest.mark.parametrize(('fields', 'said'), [
    ({'drift': {**DRIFT, 'window': 0}}, 'drift.window: 0 is less than'),
    ({'frames': 0}, 'frames: 0 is less than'),
    ({'format': 2}, 'format'),
    ({'operating_points': {}}, 'operating_points'),
    ({'operating_points': {'fpr01': {'threshold': 1.0, 'target': '', 'data': ''}}},
     "'fpr01' must begin with 'mine/'"),
    ({'operating_points': {'mine/a': {'threshold': 'high', 'target': '', 'data': ''}}},
     'operating_points.mine/a.threshold'),
])
def test_wrong_fields_are_named_when_written_and_when_read(tiny_model, fields, said):
    wrong = document('a' * 64, **fields)
    with pytest.raises(ModelError, match=said):
        write_calibration(tiny_model, wrong)
    path = calibration_path(tiny_model, 'mine')
    assert not path.exists()
    path.write_text(json.dumps(wrong))
    with pytest.raises(ModelError, match=said):
        load_manifest(tiny_model)


def test_a_damaged_file_and_a_wrong_name_are_refused(tiny_model):
    with pytest.raises(ParameterError, match="use letters, digits, '-' and '_'"):
        calibration_path(tiny_model, 'my drive/1')
    calibration_path(tiny_model, 'mine').write_text('{')
    with pytest.raises(ModelError, match=r'is not a calibration \(correct or remove it\)'):
        load_manifest(tiny_model)


@pytest.mark.parametrize('number', ['NaN', 'Infinity', '-Infinity'])
@pytest.mark.parametrize('field', ['threshold', 'fpr'])
def test_a_number_that_is_none_is_refused_at_load(tiny_model, number, field):
    point = {'threshold': 1.0, 'target': '', 'data': '', 'fpr': 0.01, field: 'HERE'}
    text = json.dumps(document(
        load_manifest(tiny_model).sha256, operating_points={'mine/a': point}))
    path = calibration_path(tiny_model, 'mine')
    path.write_text(text.replace('"HERE"', number))
    with pytest.raises(ModelError, match=f'{path.name} is not a calibration.*{number} is not a'):
        load_manifest(tiny_model)
