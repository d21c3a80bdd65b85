# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Configurations: good ones load, bad ones name file, key and value."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from hybrid_training.config import load_config
from hybrid_training.exceptions import ConfigError


@pytest.mark.parametrize(
    'path', sorted(Path(str(files('hybrid_training') / 'configs')).glob('*.yaml')),
    ids=lambda p: p.stem)
def test_shipped_configurations_load(path):
    config = load_config(path)
    assert config.name == path.stem
    # without it there is no best.pt, and export has nothing to choose thresholds on
    assert config.validation is not None
    assert config.validation.closed_set is not None


@pytest.mark.parametrize(('change', 'words'), [
    ({'steps': 0}, r'steps: .*greater than 0 \(got 0\)'),
    ({'optimizer': {'lr': 'fast'}}, r"optimizer\.lr: .*\(got 'fast'\)"),
    ({'stepps': 3}, r'stepps: no such key, did you mean steps\? \(got 3\)'),
    ({'crop': {'sise': [64, 64]}}, r'crop\.sise: no such key, did you mean size\?'),
    ({'xyzzy': 1}, r'xyzzy: no such key \(got 1\)'),
    ({'inliers': []}, 'inliers: '),
    ({'crop': {'size': [300, 512]}}, r'crop\.size: .*multiples of 32.*\(got \[300, 512\]\)'),
    ({'optimizer': {'schedule': 'step'}}, r"optimizer\.schedule: .*'poly', 'cosine' or 'constan"),
    ({'optimizer': {'train': 'encoder'}}, r"optimizer\.train: .*\(got 'encoder'\)"),
    ({'precision': 'fp8'}, r"precision: .*\(got 'fp8'\)"),
    ({'device': 'gpu'}, r"device: .*\(got 'gpu'\)"),
    ({'photometric': {'gamma': -1}}, r'photometric\.gamma: .*\(got -1\)'),
    ({'photometric': {'noise': [3, 2]}}, r'photometric: .*noise: want \[least, most\]'),
    ({'crop': {'scale': [2, 1]}}, r'crop: .*scale: want \[least, most\]'),
    ({'negatives': {'root': 'x', 'size': [64, 90]}, 'crop': {'size': [64, 64]}},
     r"negatives\.size: the least, 64, must be below the crop's shorter side, 64"),
    ({'loss': {'energy_floor': 0, 'energy_margin': [0, 5]}}, 'both bound the likelihood term'),
    ({'loss': {'energy_margin': [5, 0]}}, r'energy_margin: want \[most of negatives'),
    ({'validation': {'selection': 'open_set'}}, 'open_set needs held_out_negatives or anomaly'),
    ({'validation': {'selection': 'miou'}}, 'miou needs closed_set, which is missing'),
    ({'validation': {'anomaly_roots': ['a/val', 'b/val']}},
     'figures of b/val would stand under the name val, which a/val has'),
    ({'validation': {'anomaly_roots': ['a/held_out']}}, 'which held_out_negatives has'),
    ({'loss': {'weighting': 'both'}}, r"loss\.weighting: .*'paper' or 'code'"),
])
def test_bad_value_is_named(tmp_path, toy_config, change, words):
    path = tmp_path / 'bad.yaml'
    path.write_text(yaml.safe_dump({**toy_config, **change}))
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_broken_yaml_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r'none\.yaml: cannot read'):
        load_config(tmp_path / 'none.yaml')
    path = tmp_path / 'broken.yaml'
    path.write_text('steps: [1')
    with pytest.raises(ConfigError, match='not YAML'):
        load_config(path)
