# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The balance of the two heads: chosen by AP, put into the weights of one of them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from hybrid_training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hybrid_training.cli.main import main
from hybrid_training.config import ModelConfig, TrainingConfig
from hybrid_training.head_balance import Parts, best_scale, scaled
from hybrid_training.models.network import build_network


def parts(dataset_logit, likelihood, target) -> Parts:
    return Parts(np.array(likelihood, np.float32), np.array(dataset_logit, np.float32),
                 np.array(target, np.uint8))


def test_the_part_that_tells_more_gets_more_weight():
    # z tells negatives from known by 2, ln p̂ says the opposite by 6: 4 times 2 wins.
    sure = parts([-8, -8, -10, -10, 0], [1, 1, -5, -5, 0], [1, 1, 0, 0, 255])
    scale, found = best_scale(sure, (0.5, 1.0, 4.0))
    assert scale == 4.0
    assert found[4.0] == pytest.approx(1.0)
    assert found[0.5] < 1.0


def test_of_equals_the_nearest_to_one_is_taken():
    same = parts([-8, -10], [0, 5], [1, 0])
    assert best_scale(same, (0.5, 0.9, 2.0))[0] == 0.9


def test_only_the_dataset_logit_is_scaled():
    torch.manual_seed(0)
    model = build_network(ModelConfig(), 3, pretrained=False).eval()
    checkpoint = Checkpoint(1, model.state_dict(), {'state': {}}, {}, model.state_dict())
    changed = scaled(checkpoint, 2.0)
    assert changed.optimizer is None
    image = torch.rand(1, 3, 64, 64) * 255
    with torch.inference_mode():
        before = model(image)
        model.load_state_dict(changed.weights)
        after = model(image)
    assert torch.equal(before.logits, after.logits)
    assert torch.allclose(2 * before.dataset_logit, after.dataset_logit, rtol=1e-5)


@pytest.fixture
def trained(toy_config, toy_data, tmp_path):
    # A set of its own: the toy's three negatives are too few to hold a fifth out of.
    shutil.copytree(toy_data / 'negatives', tmp_path / 'others')
    config = TrainingConfig.model_validate({**toy_config, 'validation': {
        **toy_config['validation'], 'held_out_negatives': {
            'limit': 2, 'negatives': {'root': str(tmp_path / 'others'), 'size': [8, 24]}}}})
    model = build_network(config.model, 19, pretrained=False)
    path = tmp_path / 'best.pt'
    save_checkpoint(path, Checkpoint(1, model.state_dict(), None, config.model_dump(mode='json')))
    return path


def test_command_writes_a_checkpoint_and_says_what_it_tried(trained, toy_data, tmp_path, capsys):
    output = tmp_path / 'balanced.pt'
    assert main(['balance', '--checkpoint', str(trained), '--output', str(output),
                 '--data', str(toy_data)]) == 0
    printed = capsys.readouterr().out
    assert printed.count('AP') == 8
    [taken] = [line for line in printed.splitlines() if 'taken' in line]
    scale = float(taken.split()[1])
    before, after = load_checkpoint(trained), load_checkpoint(output)
    assert torch.allclose(after.model['dataset_head.weight'],
                          scale * before.model['dataset_head.weight'])


def test_a_run_that_held_nothing_out_is_refused(toy_config, toy_data, tmp_path, capsys):
    config = TrainingConfig.model_validate(toy_config)
    path = tmp_path / 'best.pt'
    model = build_network(config.model, 19, pretrained=False)
    save_checkpoint(path, Checkpoint(1, model.state_dict(), None, config.model_dump(mode='json')))
    assert main(['balance', '--checkpoint', str(path), '--output', str(tmp_path / 'b.pt'),
                 '--data', str(toy_data)]) == 1
    assert 'held no negatives out' in capsys.readouterr().err
