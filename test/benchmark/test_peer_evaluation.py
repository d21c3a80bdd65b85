# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The peer's network and the command that measures it; its weights are used where they are."""

from __future__ import annotations

import os
from pathlib import Path
import sys

import cv2
import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('hybrid_training')
peer_evaluation = pytest.importorskip('benchmark.peer_evaluation')


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    torch.save(peer_evaluation.EspNetV2().state_dict(), tmp_path / 'random.pth')
    return tmp_path / 'random.pth'


@pytest.fixture
def anomalies(tmp_path):
    """Write a set of one picture."""
    for folder in ('images', 'masks'):
        (tmp_path / 'strange' / folder).mkdir(parents=True)
    mask = np.zeros((64, 128), np.uint8)
    mask[20:40, 30:60] = 1
    rgb = np.random.default_rng(0).integers(0, 255, (64, 128, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'strange/images/0.png'), rgb)
    cv2.imwrite(str(tmp_path / 'strange/masks/0.png'), mask)
    return tmp_path / 'strange'


def test_network_halves_once(weights):
    network = peer_evaluation.load_espnetv2(weights)
    with torch.inference_mode():
        logits = network(torch.rand(1, 3, 64, 128) * 255)
    assert logits.shape == (1, 20, 32, 64)
    assert torch.isfinite(logits).all()


def test_published_weights_fit():
    data = Path(os.environ.get('HYBRID_PERCEPTION_DATA', '../shared/data'))
    path = data / 'weights/espnetv2_s_2.0_city_1024x512.pth'
    if not path.is_file():
        pytest.skip(f'no published weights at {path}')
    assert not peer_evaluation.load_espnetv2(path).training   # every name and shape fits


def test_other_weights_are_refused(tmp_path):
    torch.save({'a': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth: want the state dict of ESPNetv2'):
        peer_evaluation.load_espnetv2(tmp_path / 'other.pth')


def test_command_measures_a_set(weights, anomalies, tmp_path, monkeypatch):
    monkeypatch.setattr(peer_evaluation, 'SIZE', (64, 128))
    monkeypatch.setattr(sys, 'argv', [
        'peer_evaluation', '--weights', str(weights), '--anomaly', str(anomalies),
        '--json', str(tmp_path / 'figures.json')])
    assert peer_evaluation.main() == 0   # nothing is published of this set
    assert '"strange max_softmax AP"' in (tmp_path / 'figures.json').read_text()
    monkeypatch.setattr(peer_evaluation, 'PUBLISHED', {'strange': {'max_logit': (-50.0, -50.0)}})
    assert peer_evaluation.main() == 1


def test_missing_weights_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['peer_evaluation', '--data', str(tmp_path)])
    assert peer_evaluation.main() == 1
    assert 'espnetv2_s_2.0_city_1024x512.pth: want the state dict' in capsys.readouterr().err
