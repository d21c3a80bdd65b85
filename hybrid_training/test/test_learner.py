# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Optimiser steps: what is trained, at which rate and decay, in which precision, and NaN."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from hybrid_training.config import ModelConfig, TrainingConfig
from hybrid_training.evaluation.predictors import NetworkPredictor
from hybrid_training.exceptions import ConfigError, DivergedError
from hybrid_training.learner import Learner
from hybrid_training.models.network import build_network
from hybrid_training.models.upgrade import UpgradedNet, upgrade
from hybrid_training.precision import choose_device


@pytest.fixture
def learner(toy_config, tiny_net):
    """Build a learner of the tiny network with these options, seeded."""
    def build(network=None, **options) -> Learner:
        torch.manual_seed(0)
        config = TrainingConfig.model_validate({**toy_config, 'steps': 100, **options})
        return Learner(network or tiny_net(), config)
    return build


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Return two crops with road, building and a negative."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8, generator=generator)
    label = torch.zeros(2, 64, 64, dtype=torch.uint8)
    label[:, 32:] = 2
    image[:, :, 32:] //= 4
    label[:, :16, :16] = 20
    return image, label


def weights(learner: Learner) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in learner.state().model.items()}


def changed(before: dict, after: dict) -> set[str]:
    return {k for k, v in before.items() if not torch.equal(v, after[k])}


@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
def test_loss_falls_on_one_batch(learner, batch, precision):
    learns = learner(precision=precision, optimizer={'lr': 0.02, 'warmup': 0})
    totals = [float(learns.learn(*batch).total) for _ in range(30)]
    assert totals[-1] < 0.6 * totals[0]


class Own(torch.nn.Module):
    """A network of somebody's own, which answers full-size logits in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 5, stride=4, padding=2), torch.nn.BatchNorm2d(16),
            torch.nn.ReLU())
        self.classes = torch.nn.Conv2d(16, 19, 1)

    def forward(self, image):
        return {'out': torch.nn.functional.interpolate(
            self.classes(self.body(image)), size=image.shape[-2:], mode='bilinear')}


def own_network() -> UpgradedNet:
    torch.manual_seed(4)
    return upgrade(Own(), 'body', 16, logits='classes', mean=[127.5] * 3, std=[127.5] * 3)


def test_an_upgraded_network_learns_and_goes_on_where_it_was(learner, batch):
    options = {'optimizer': {'lr': 0.02, 'warmup': 0, 'ema': 0.5, 'encoder_factor': 1.0}}
    first = learner(own_network(), **options)
    terms = [first.learn(*batch) for _ in range(30)]
    assert float(terms[-1].total) < 0.6 * float(terms[0].total)
    assert float(terms[-1].dataset) < 0.6 * float(terms[0].dataset)
    state = copy.deepcopy(first.state())
    second = learner(own_network(), **options)
    second.restore(state)
    for _ in range(3):
        assert torch.equal(first.learn(*batch).total, second.learn(*batch).total)
    image = batch[0][0].permute(1, 2, 0).numpy()
    found, other = (NetworkPredictor(one.evaluated, (64, 64))(image) for one in (first, second))
    # the pasted square scores higher than the rest of what was learned
    assert found.scores['hybrid'][4:12, 4:12].mean() > found.scores['hybrid'][20:].mean() + 1
    assert (found.scores['hybrid'] == other.scores['hybrid']).all()


def test_the_added_head_learns_alone(learner, batch):
    learns = learner(own_network(), optimizer={'lr': 0.02, 'warmup': 0, 'train': 'heads'})
    before = weights(learns)
    learns.learn(*batch)
    assert changed(before, weights(learns)) == {'dataset_head.weight', 'dataset_head.bias'}


def test_low_precision_computes_other_figures_than_full(learner, batch):
    full, low = (learner(precision=p).loss(*batch).total.item() for p in ('fp32', 'bf16'))
    assert full == pytest.approx(low, rel=0.05)
    assert full != low


@pytest.mark.slow
def test_loss_of_the_real_network_falls_on_one_batch(learner, batch):
    learns = learner(build_network(ModelConfig(), 19, pretrained=False),
                     optimizer={'lr': 3e-3, 'warmup': 50})
    totals = [float(learns.learn(*batch).total) for _ in range(10)]
    assert totals[-1] < 0.8 * totals[0]


@pytest.mark.parametrize(('train', 'frozen'), [
    ('all', ()), ('decoder_and_heads', ('encoder',)), ('heads', ('encoder', 'decoder'))])
def test_only_the_named_parts_are_trained(learner, batch, train, frozen):
    learns = learner(optimizer={'train': train, 'warmup': 0})
    before = weights(learns)
    for _ in range(2):
        learns.learn(*batch)
    moved = changed(before, weights(learns))
    parts = {'encoder', 'decoder', 'class_head', 'dataset_head'}
    assert {name.split('.')[0] for name in moved} == parts - set(frozen)
    # running statistics of a part that is not trained stay too
    assert not {name for name in moved if name.startswith(frozen or '-')}


@pytest.mark.parametrize(('policy', 'moving'), [
    ('train', {'encoder', 'decoder'}), ('frozen_encoder', {'decoder'}), ('frozen', set())])
def test_batch_norm_policy_keeps_running_statistics(learner, batch, policy, moving):
    learns = learner(optimizer={'batch_norm': policy, 'warmup': 0})
    before = weights(learns)
    learns.learn(*batch)
    moved = changed(before, weights(learns))
    assert {name.split('.')[0] for name in moved if 'running' in name} == moving
    assert any(name.startswith('encoder') and name.endswith('.weight') for name in moved)


def test_the_start_of_the_encoder_can_stay_as_it_is(toy_config, batch):
    config = TrainingConfig.model_validate({
        **toy_config, 'steps': 100, 'optimizer': {'lr': 0.01, 'warmup': 0, 'frozen_stride': 8}})
    learns = Learner(build_network(ModelConfig(channels=16), 19, pretrained=False), config)
    before = weights(learns)
    learns.learn(*batch)
    moved = changed(before, weights(learns))
    stays = ('encoder.features.conv_stem', 'encoder.features.bn1', 'encoder.features.blocks.0',
             'encoder.features.blocks.1', 'encoder.features.blocks.2')
    assert not [name for name in moved if name.startswith(stays)], 'statistics included'
    for name in ('encoder.features.blocks.3.0.conv_pw.weight', 'decoder.laterals.2.0.weight',
                 'encoder.features.blocks.3.0.bn1.running_mean', 'class_head.weight'):
        assert name in moved


def test_freezing_by_stride_wants_an_encoder_with_strides(learner):
    with pytest.raises(ConfigError, match=r'frozen_stride: 4.*want 0'):
        learner(own_network(), optimizer={'frozen_stride': 4})


def test_weight_decay_can_leave_norms_and_biases_out(learner):
    groups = learner(optimizer={'decay_norm_and_bias': False, 'weight_decay': 0.5}
                     )._optimizer.param_groups
    assert [g['weight_decay'] for g in groups] == [0.5, 0.5, 0.0, 0.0]
    assert all(p.ndim == 4 for g in groups[:2] for p in g['params'])
    assert all(p.ndim == 1 for g in groups[2:] for p in g['params'])
    assert [len(g['params']) for g in groups] == [3, 1, 5, 3]
    today = learner()._optimizer.param_groups
    assert [len(g['params']) for g in today] == [8, 4]  # as every checkpoint before has them


def test_encoder_has_its_factor_on_the_rate(learner, batch):
    learns = learner(optimizer={'encoder_factor': 0.25, 'lr': 0.1, 'warmup': 0,
                                'schedule': 'constant', 'decay_norm_and_bias': False})
    learns.learn(*batch)
    assert [g['lr'] for g in learns._optimizer.param_groups] == pytest.approx(
        [0.1, 0.025, 0.1, 0.025])
    assert learns.rate == pytest.approx(0.1)


def test_gradients_are_clipped(learner, batch):
    learns = learner(optimizer={'clip_norm': 1e-3})
    learns.learn(*batch)
    norms = [p.grad.norm() for p in learns._model.parameters()]
    assert torch.stack(norms).norm() == pytest.approx(1e-3, rel=1e-3)


def test_nan_loss_stops_with_the_weights_untouched(learner, batch, tiny_net):
    network = tiny_net()
    with torch.no_grad():
        network.class_head.bias[0] = math.nan
    learns = learner(network)
    before = network.dataset_head.weight.clone()
    with pytest.raises(DivergedError, match=r'step 1: the loss is nan: lower optimizer\.lr'):
        learns.learn(*batch)
    assert torch.equal(before, network.dataset_head.weight)
    assert learns.step == 0


def test_nan_gradient_of_a_finite_loss_stops_before_the_weights_take_it(learner, batch, tiny_net):
    network = tiny_net()
    network.dataset_head.weight.register_hook(lambda gradient: gradient * math.inf)
    learns = learner(network)
    before = weights(learns)
    with pytest.raises(DivergedError, match=r'the gradient norm is (inf|nan)'):
        learns.learn(*batch)
    moved = changed(before, weights(learns))
    assert not {name for name in moved if 'running' not in name and 'tracked' not in name}


def test_fp16_skips_a_step_that_overflows_and_scales_down(learner, batch, tiny_net):
    network = tiny_net()
    overflowing = [True, False]
    network.dataset_head.weight.register_hook(
        lambda gradient: gradient * math.inf if overflowing.pop(0) else gradient)
    learns = learner(network, precision='fp16', optimizer={'warmup': 0})
    before = weights(learns)
    learns.learn(*batch)
    assert not {n for n in changed(before, weights(learns)) if n.endswith('head.weight')}
    assert learns.state().scaler['scale'] == 2.0 ** 15  # from 2 ** 16
    learns.learn(*batch)
    assert {n for n in changed(before, weights(learns)) if n.endswith('head.weight')}


def test_dropout_depends_on_seed_and_step_alone(learner, batch):
    first, second = learner(), learner()
    torch.manual_seed(99)
    one = float(first.learn(*batch).total)
    torch.rand(7)
    assert float(second.learn(*batch).total) == one


def test_state_of_another_precision_and_other_knobs_goes_on(learner, batch):
    before = learner(precision='fp16', optimizer={'ema': 0.9, 'weight_decay': 0.1})
    before.learn(*batch)
    after = learner(optimizer={'weight_decay': 0.3, 'train': 'heads'})
    after.restore(before.state())
    assert after.step == 1
    assert {g['weight_decay'] for g in after._optimizer.param_groups} == {0.3}
    assert not changed(before.state().model, after.state().model)
    after.learn(*batch)


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert choose_device('auto').type == choose_device('cpu').type == 'cpu'
    with pytest.raises(ConfigError, match=r'device: cuda is asked for, but .*use device: auto'):
        choose_device('cuda')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert choose_device('auto').type == choose_device('cuda').type == 'cuda'
    assert choose_device('cpu').type == 'cpu'


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA GPU')
@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
def test_gpu_learns_and_its_state_goes_on_on_a_cpu(learner, batch, tiny_net, precision):
    options = {'precision': precision, 'optimizer': {'lr': 0.02, 'warmup': 0, 'ema': 0.5}}
    on_gpu = learner(tiny_net().cuda(), **options)
    totals = [float(on_gpu.learn(*batch).total) for _ in range(30)]
    assert totals[-1] < 0.6 * totals[0]
    on_cpu = learner(**options)
    on_cpu.restore(on_gpu.state())
    assert float(on_cpu.learn(*batch).total) == pytest.approx(
        float(on_gpu.learn(*batch).total), rel=0.05)
