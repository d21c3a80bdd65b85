# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: it learns, logs, resumes bit by bit and stops on NaN."""

from __future__ import annotations

import csv

import pytest
import torch

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import ModelConfig, OptimizerConfig, TrainingConfig
from hybrid_training.exceptions import DivergedError
from hybrid_training.losses import HybridLoss
from hybrid_training.models.network import build_network
from hybrid_training.train import build_optimizer, learning_rate, train, training_step


def rows(path) -> list[dict[str, str]]:
    with path.open(newline='') as stream:
        return list(csv.DictReader(stream))


def test_run_writes_what_it_promises(toy_data, toy_config, tmp_path):
    last = train(TrainingConfig.model_validate(toy_config), tmp_path, data_root=toy_data)
    assert load_checkpoint(last).step == 4
    assert (tmp_path / 'best.pt').is_file()
    assert (tmp_path / 'config.yaml').is_file()
    assert list((tmp_path / 'tensorboard').iterdir())
    assert [r['step'] for r in rows(tmp_path / 'train.csv')] == ['4']
    [validation] = rows(tmp_path / 'validation.csv')
    assert {'closed/miou', 'anomalies/hybrid_ap', 'anomalies/discriminative_ap',
            'anomalies/generative_fpr95'} <= set(validation)
    assert all(0 <= float(v) <= 1 for k, v in validation.items() if k != 'step')


def test_resumed_run_equals_an_uninterrupted_one(toy_data, toy_config, tmp_path, monkeypatch):
    config = TrainingConfig.model_validate({**toy_config, 'validation': None})
    whole = train(config, tmp_path / 'whole', data_root=toy_data)

    steps = 0

    def killed(*arguments, **options):
        nonlocal steps
        steps += 1
        if steps == 4:  # after the checkpoint of step 2, in the middle of the run
            raise KeyboardInterrupt
        return training_step(*arguments, **options)

    monkeypatch.setattr('hybrid_training.train.training_step', killed)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / 'cut', data_root=toy_data)
    assert load_checkpoint(tmp_path / 'cut' / 'last.pt').step == 2
    monkeypatch.setattr('hybrid_training.train.training_step', training_step)
    resumed = train(config, tmp_path / 'cut', data_root=toy_data)

    first, second = load_checkpoint(whole), load_checkpoint(resumed)
    assert all(torch.equal(v, second.model[k]) for k, v in first.model.items())
    losses = [[r['total'] for r in rows(p.parent / 'train.csv')] for p in (whole, resumed)]
    assert losses[0] == losses[1]


def test_loss_falls_on_one_batch(toy_config):
    torch.manual_seed(0)
    config = TrainingConfig.model_validate(toy_config)
    model = build_network(ModelConfig(), 19, pretrained=False)
    optimizer = build_optimizer(model, OptimizerConfig(lr=3e-3))
    image = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8)
    label = torch.zeros(2, 64, 64, dtype=torch.uint8)
    label[:, 32:] = 2
    label[:, :16, :16] = 20
    loss = HybridLoss()
    totals = [float(training_step(model, optimizer, loss, image, label, config).total)
              for _ in range(12)]
    assert totals[-1] < 0.6 * totals[0]


def test_nan_stops_with_the_weights_untouched(toy_config):
    config = TrainingConfig.model_validate(toy_config)
    model = build_network(ModelConfig(), 19, pretrained=False)
    with torch.no_grad():
        model.class_head.bias[0] = float('nan')
    before = model.dataset_head.weight.clone()
    optimizer = build_optimizer(model, OptimizerConfig())
    image = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    label = torch.zeros(2, 64, 64, dtype=torch.uint8)
    with pytest.raises(DivergedError, match='the loss is nan'):
        training_step(model, optimizer, HybridLoss(), image, label, config)
    assert torch.equal(before, model.dataset_head.weight)


def test_learning_rate_warms_up_and_decays():
    config = OptimizerConfig(lr=1.0, warmup=10, power=1.0, final=0.2)
    rates = [learning_rate(s, 100, config) for s in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(rates[9], abs=0.1)
    assert rates[50] == pytest.approx(0.6)
    assert rates[99] == pytest.approx(0.208)


def test_resumed_run_keeps_a_better_checkpoint(toy_data, toy_config, tmp_path, monkeypatch):
    from hybrid_training.validation import ValidationReport

    found = iter([0.9, 0.2])

    def validate(*_, **__):
        value = next(found, None)
        if value is None:
            raise KeyboardInterrupt
        return ValidationReport({'closed/miou': value})

    monkeypatch.setattr('hybrid_training.train.validate', validate)
    every_two = {**toy_config, 'validation': {**toy_config['validation'], 'every': 2}}
    short = TrainingConfig.model_validate({**every_two, 'stop': 2})
    train(short, tmp_path, data_root=toy_data)
    train(TrainingConfig.model_validate(every_two), tmp_path, data_root=toy_data)
    assert load_checkpoint(tmp_path / 'best.pt').step == 2
    assert load_checkpoint(tmp_path / 'last.pt').step == 4


def test_run_killed_while_validating_comes_back_to_it(
        toy_data, toy_config, tmp_path, monkeypatch):
    from hybrid_training.validation import validate

    def killed(*_, **__):
        raise KeyboardInterrupt

    config = TrainingConfig.model_validate(toy_config)
    monkeypatch.setattr('hybrid_training.train.validate', killed)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, data_root=toy_data)
    assert not (tmp_path / 'best.pt').exists()
    monkeypatch.setattr('hybrid_training.train.validate', validate)
    train(config, tmp_path, data_root=toy_data)
    assert (tmp_path / 'best.pt').is_file()
    assert len(rows(tmp_path / 'validation.csv')) == 1
