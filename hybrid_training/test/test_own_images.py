# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Twenty images of one's own and a classes YAML: the shipped configuration trains and exports."""

from __future__ import annotations

from importlib.resources import files
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from hybrid_training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hybrid_training.cli.main import main

CLASSES = """
classes:
  - {name: floor, id: 10}
  - {name: wall, id: 20, color: [200, 180, 0]}
  - {name: shelf, ids: [30, 31]}
ignore: [0]
"""


@pytest.fixture
def warehouse(tmp_path) -> Path:
    """Return a data folder as docs/training.md asks for it."""
    root = tmp_path / 'warehouse'
    rng = np.random.default_rng(0)
    for folder in ('images', 'labels', 'negatives'):
        (root / folder).mkdir(parents=True)
    (root / 'classes.yaml').write_text(CLASSES)
    for number in range(20):
        label = np.full((64, 96), 10, np.uint8)
        label[:40] = 20
        label[10:30, 20:60] = 30 + number % 2
        label[0] = 0
        image = rng.integers(0, 40, (64, 96, 3)).astype(np.uint8) + label[..., None] * 5
        cv2.imwrite(str(root / f'images/{number:02d}.jpg'), image)
        cv2.imwrite(str(root / f'labels/{number:02d}.png'), label)
    for number in range(3):
        cv2.imwrite(str(root / f'negatives/{number}.jpg'),
                    rng.integers(0, 255, (48, 48, 3)).astype(np.uint8))
    return root


@pytest.fixture
def config(tmp_path) -> Path:
    """Return the shipped configuration, made small."""
    shipped = files('hybrid_training') / 'configs' / 'own_images.yaml'
    values = yaml.safe_load(shipped.read_text(encoding='utf-8'))
    values |= {'model': {'weights': 'random'}, 'steps': 2, 'batch_size': 2, 'threads': 1}
    values['crop']['size'] = [32, 64]
    values['negatives']['size'] = [8, 16]
    values['validation'] |= {'every': 2, 'size': [64, 96]}
    path = tmp_path / 'mine.yaml'
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.timeout(300)
def test_from_images_to_a_model(warehouse, config, tmp_path, capsys):
    torch.manual_seed(0)
    data, run = ['--data', str(warehouse)], tmp_path / 'run'
    assert main(['data', 'check', 'folder', str(warehouse), '--classes',
                 str(warehouse / 'classes.yaml')]) == 0
    assert main(['data', 'preview', '--config', str(config), '--count', '2',
                 '--sheet', str(tmp_path / 'preview.png'), *data]) == 0
    assert main(['train', '--config', str(config), '--output', str(run), *data]) == 0
    told = capsys.readouterr().out
    assert (f'next: hybrid-training export --checkpoint {run / "best.pt"} --data {warehouse} '
            f'--output {run / "model"}') in told
    # The classes YAML may be gone by now: the checkpoint says what its classes are.
    (warehouse / 'classes.yaml').rename(tmp_path / 'elsewhere.yaml')
    assert load_checkpoint(run / 'last.pt').model['class_head.weight'].shape[0] == 3
    assert main(['evaluate', str(run / 'last.pt'), '--closed', str(warehouse), '--size', '96x64',
                 '--lookup', str(tmp_path / 'elsewhere.yaml'),
                 '--output', str(tmp_path / 'figures.json')]) == 0
    assert main(['evaluate', str(run / 'last.pt'), '--closed', f'folder:val={warehouse}',
                 '--size', '96x64']) == 0
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert list(figures['closed']['iou']) == ['floor', 'wall', 'shelf']
    assert main(['export', '--checkpoint', str(run / 'last.pt'),
                 '--output', str(tmp_path / 'model'), *data]) == 0
    manifest = json.loads((tmp_path / 'model/own_images.json').read_text())
    assert [c['name'] for c in manifest['classes']] == ['floor', 'wall', 'shelf']
    assert manifest['classes'][1]['color'] == [200, 180, 0]
    assert manifest['unknown']['id'] == 3
    assert (manifest['input']['width'], manifest['input']['height']) == (96, 64)
    capsys.readouterr()


@pytest.mark.timeout(300)
def test_start_from_a_model_of_other_classes(warehouse, config, network, tmp_path):
    save_checkpoint(tmp_path / 'street.pt', Checkpoint(9, network.state_dict(), None, {}))
    values = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({
        **values, 'init': str(tmp_path / 'street.pt'), 'validation': None, 'steps': 1}))
    assert main(['train', '--config', str(config), '--output', str(tmp_path / 'run'),
                 '--data', str(warehouse)]) == 0
    trained = load_checkpoint(tmp_path / 'run/last.pt').model
    assert trained['class_head.weight'].shape[0] == 3
    moved = (trained['dataset_head.weight'] - network.dataset_head.weight).abs().max()
    assert moved < 0.1  # where it started from: one step of a warming-up optimiser away


def test_other_classes_do_not_resume_a_run(warehouse, config, tmp_path, capsys):
    run = ['train', '--config', str(config), '--output', str(tmp_path), '--data', str(warehouse)]
    save_checkpoint(tmp_path / 'last.pt', Checkpoint(1, {}, None, {'classes': 'camvid'}))
    assert main(run) == 1
    assert 'trained on other classes than the configuration has' in capsys.readouterr().err


def test_missing_classes_and_labels_outside_them_are_named(warehouse, config, tmp_path, capsys):
    run = ['train', '--config', str(config), '--output', str(tmp_path / 'run'),
           '--data', str(warehouse)]
    label = np.full((64, 96), 10, np.uint8)
    label[5, 5:7] = 77
    cv2.imwrite(str(warehouse / 'labels/03.png'), label)
    assert main(run) == 1
    assert ('03.png: 2 pixels have the value 77; the values allowed here are 0, 10, 20, 30-31'
            in capsys.readouterr().err)
    (warehouse / 'classes.yaml').unlink()
    assert main(run) == 1
    assert 'classes.yaml: cannot read the classes' in capsys.readouterr().err
