# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Negatives of a flow: where they go, who learns what, the mixture, and the resumed run."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import TrainingConfig
from hybrid_training.exceptions import CheckpointError, DivergedError
from hybrid_training.flow.patches import Patches
from hybrid_training.flow.synthetic_negatives import SyntheticNegatives
from hybrid_training.learner import Learner
from hybrid_training.synthetic_config import SyntheticConfig
from hybrid_training.train import train
from hybrid_training.training_data import training_samples

SECTION = {'size': [16, 40], 'couplings': [1, 1, 2], 'hidden': 8}
NEGATIVE = 20


@pytest.fixture
def synthetic():
    torch.manual_seed(0)
    return SyntheticNegatives(
        SyntheticConfig(**SECTION), num_classes=19, seed=1, device=torch.device('cpu'))


@pytest.fixture
def batch():
    image = torch.randint(60, 120, (4, 3, 64, 64), dtype=torch.uint8,
                          generator=torch.Generator().manual_seed(0))
    label = torch.zeros(4, 64, 64, dtype=torch.uint8)
    label[2, 5, 5] = NEGATIVE
    return image, label


def test_rectangles_lie_in_images_without_negatives(batch):
    _, label = batch
    sides, corners = set(), set()
    for seed in range(40):
        found = Patches.draw(label, negative=NEGATIVE, side=(16, 40),
                             rng=np.random.default_rng(seed))
        assert found.images == (0, 1, 3)
        marked = found.mark(label, NEGATIVE)
        assert [int((m == NEGATIVE).sum()) for m in marked] == [
            n * found.size[0] * found.size[1] or 1 for n in (1, 1, 0, 1)]
        assert int((label == NEGATIVE).sum()) == 1
        sides |= set(found.size)
        corners |= {c for pair in found.corners for c in pair}
    assert sides == {16, 24, 32, 40}
    assert min(corners) == 0
    assert max(corners) >= 40


def test_paste_puts_samples_under_the_label_and_nothing_else(synthetic, batch):
    image, label = batch
    mixed, marked = synthetic.paste(image, label, step=3)
    assert mixed.dtype == torch.uint8
    pasted = (marked == NEGATIVE)
    assert torch.equal(mixed[2], image[2])
    kept = (~pasted)[:, None].expand_as(image)
    assert torch.equal(mixed[kept], image[kept])
    assert not torch.equal(mixed[0], image[0])
    assert not synthetic.paste(image, label, step=4)[0].equal(mixed)
    assert synthetic.paste(image, label, step=3)[0].equal(mixed)
    assert all(p.grad is None for p in synthetic.flow.parameters())


def test_batch_full_of_real_negatives_is_left_alone(synthetic, batch, network):
    image, label = batch[0], torch.full_like(batch[1], NEGATIVE)
    assert synthetic.paste(image, label, step=0)[0] is image
    before = {k: v.clone() for k, v in synthetic.flow.state_dict().items()}
    synthetic.learn(image, label, step=0, model=network, segment=lambda x: network(x).logits)
    assert all(torch.equal(v, before[k]) for k, v in synthetic.flow.state_dict().items())


def tiny(tiny_net):
    torch.manual_seed(0)
    return tiny_net().train()


def test_flow_learns_and_the_network_stays_as_it_is(synthetic, batch, tiny_net):
    model = tiny(tiny_net)
    image, label = batch
    synthetic.paste(image, label, step=0)
    model_before = {k: v.clone() for k, v in model.state_dict().items()
                    if 'num_batches' not in k}
    flow_before = {k: v.clone() for k, v in synthetic.flow.named_parameters()}
    synthetic.learn(image, label, step=0, model=model, segment=lambda x: model(x).logits)
    assert all(torch.equal(model.state_dict()[k], v) for k, v in model_before.items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert {m.momentum for m in model.modules()
            if isinstance(m, torch.nn.BatchNorm2d)} == {0.1}
    moved = [not torch.equal(p, flow_before[k]) for k, p in synthetic.flow.named_parameters()]
    # a coupling of zeros passes no gradient to what is before its last layer, on the first step
    assert sum(moved) > len(moved) / 2
    assert 0 < synthetic.last.divergence < np.log(2)
    assert 4 < synthetic.last.bits < 12


def test_divergence_term_moves_patches_to_where_the_network_is_unsure(batch):
    # a "network" that is sure of class 0 where it is dark and unsure where it is bright
    def segment(image):
        dark = torch.nn.functional.avg_pool2d(image, 4).mean(1, keepdim=True)
        return torch.cat([(230 - dark) / 20, torch.zeros(len(image), 18, *dark.shape[-2:])], 1)

    found = {}
    for weight in (0.0, 30.0):
        torch.manual_seed(0)
        synthetic = SyntheticNegatives(
            SyntheticConfig(**SECTION, weight=weight, lr=1e-2), num_classes=19, seed=1,
            device=torch.device('cpu'))
        synthetic.paste(*batch, step=0)
        for step in range(25):
            synthetic.learn(*batch, step=step, model=torch.nn.Module(), segment=segment)
        found[weight] = synthetic.last.divergence
    assert found[30.0] < 0.8 * found[0.0]


def test_flow_that_diverges_stops_the_run(synthetic, batch):
    with pytest.raises(DivergedError, match=r'step 6: the loss of the flow is nan'):
        synthetic.learn(*batch, step=5, model=torch.nn.Module(), segment=lambda x: torch.full(
            (len(x), 19, 16, 16), float('nan')) + 0 * x.sum())


def test_learning_rate_decays(batch):
    synthetic = SyntheticNegatives(
        SyntheticConfig(**SECTION, lr=1.0, decay=0.5, decay_every=10), num_classes=19, seed=1,
        device=torch.device('cpu'))
    label = batch[1]
    synthetic.learn(batch[0], label, step=25, model=torch.nn.Module(),
                    segment=lambda x: x.mean() + torch.zeros(len(x), 19, 16, 16))
    assert synthetic._optimizer.param_groups[0]['lr'] == 0.25


def test_mixture_leaves_a_share_of_images_to_the_flow(toy_data, toy_config):
    config = {**toy_config, 'steps': 100, 'synthetic': {**SECTION, 'share': 0.4}}
    samples = training_samples(TrainingConfig.model_validate(config), toy_data)
    real = [bool((samples[i][1] == NEGATIVE).any()) for i in range(100)]
    assert 45 <= sum(real) <= 75
    assert real == [bool((samples[i][1] == NEGATIVE).any()) for i in range(100)]


@pytest.mark.parametrize('real', [True, False])
@pytest.mark.usefixtures('tiny_net')
def test_resumed_run_equals_an_uninterrupted_one(
        toy_data, toy_config, tmp_path, monkeypatch, real):
    values = {**toy_config, 'validation': None, 'log_every': 1, 'synthetic': SECTION}
    config = TrainingConfig.model_validate(values if real else {**values, 'negatives': None})
    whole = train(config, tmp_path / 'whole', data_root=toy_data)
    learn = Learner.learn

    def killed(self, image, label):
        if self.step == 3:
            raise SystemExit
        return learn(self, image, label)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, 'learn', killed)
        with pytest.raises(SystemExit):
            train(config, tmp_path / 'cut', data_root=toy_data)
    assert load_checkpoint(tmp_path / 'cut/last.pt').step == 2
    resumed = train(config, tmp_path / 'cut', data_root=toy_data)
    first, second = load_checkpoint(whole), load_checkpoint(resumed)
    assert all(torch.equal(v, second.model[k]) for k, v in first.model.items())
    flows = [c.synthetic['flow'] for c in (first, second)]
    assert all(torch.equal(v, flows[1][k]) for k, v in flows[0].items())
    rows = []
    for path in (whole, resumed):
        with (path.parent / 'train.csv').open(newline='') as stream:
            rows.append([{k: v for k, v in r.items() if k != 'seconds_per_step'}
                         for r in csv.DictReader(stream)])
    assert rows[0] == rows[1]
    assert len(rows[0]) == 4
    assert float(rows[0][-1]['flow_bits']) > 0
    if not real:
        assert all(float(r['negative_likelihood']) > 0 for r in rows[0])


@pytest.mark.usefixtures('tiny_net')
def test_flow_of_another_run_is_taken_or_refused(toy_data, toy_config, tmp_path):
    values = {**toy_config, 'validation': None, 'synthetic': {**SECTION, 'lr': 1e-12}}
    config = TrainingConfig.model_validate(values)
    first = train(config, tmp_path / 'first', data_root=toy_data)
    config = TrainingConfig.model_validate({
        **values, 'seed': 2, 'steps': 1, 'synthetic': {**values['synthetic'], 'init': str(first)}})
    second = train(config, tmp_path / 'second', data_root=toy_data)
    name = 'scales.0.1.weight'
    torch.testing.assert_close(load_checkpoint(second).synthetic['flow'][name],
                               load_checkpoint(first).synthetic['flow'][name])
    other = {**values['synthetic'], 'hidden': 4, 'init': str(first)}
    with pytest.raises(CheckpointError, match=r'other synthetic\.couplings or hidden'):
        train(TrainingConfig.model_validate({**values, 'synthetic': other}), tmp_path / 'third',
              data_root=toy_data)


@pytest.mark.parametrize(('section', 'words'), [
    ({'size': [16, 100]}, 'multiples of 8'),
    ({'size': [40, 16]}, 'want \\[least, most\\]'),
    ({'size': [16, 72]}, "crop's shorter side, 64"),
    ({'share': 1.0}, 'less than 1'),
])
def test_section_is_checked(toy_config, section, words):
    with pytest.raises(ValueError, match=words):
        TrainingConfig.model_validate({**toy_config, 'synthetic': section})
