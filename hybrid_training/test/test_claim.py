# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The claim: the whole command on toy data, what it reuses, and how it judges."""

from __future__ import annotations

from functools import partial
import json
import os
from pathlib import Path
import shutil
import subprocess

import cv2
import numpy as np
import pytest
import yaml

from hybrid_perception.metrics import ImageHistograms
from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.claim.arms import open_arms, train_missing
from hybrid_training.claim.bars import bars, counted_sets, differences
from hybrid_training.claim.measuring import (
    HELD_OUT,
    SEEN,
    ArmMeasures,
    MeasuredScore,
    Protocol,
    _run,
)
from hybrid_training.claim.results_page import results_page
from hybrid_training.cli.main import main
from hybrid_training.exceptions import ConfigError, HybridTrainingError

SCORES = {'hybrid', 'discriminative', 'generative', 'max_softmax', 'max_logit', 'entropy',
          'energy', 'standardized_max_logit'}


def write_negatives(root, count):
    """Write as many cut-outs as a fifth can be held out of."""
    (root / 'crops').mkdir(parents=True)
    (root / 'index.csv').write_text('name,category\n' + ''.join(
        f'{number},cup\n' for number in range(count)))
    for number in range(count):
        rgb = np.random.default_rng(number).integers(0, 255, (24, 32, 3))
        cv2.imwrite(str(root / f'crops/{number}.jpg'), rgb.astype(np.uint8))
        cv2.imwrite(str(root / f'crops/{number}.png'), np.full((24, 32), 255, np.uint8))


@pytest.fixture
def files(toy_config, tmp_path):
    """Write the three configurations, two steps each, as paths by arm."""
    shared = {**toy_config, 'steps': 2, 'workers': 0}
    shared['validation'] = {**shared['validation'], 'every': 100}
    negatives = {**shared.pop('negatives'), 'root': str(tmp_path / 'negatives')}
    write_negatives(tmp_path / 'negatives', 5)
    held_out = {**shared['validation'], 'held_out_negatives': {
        'negatives': None, 'limit': 2}}
    found = {}
    for arm, more in (('base', {}), ('closed', {'loss': {'beta': 0.0}}),
                      ('hybrid', {'negatives': negatives, 'validation': held_out})):
        found[arm] = tmp_path / f'{arm}.yaml'
        found[arm].write_text(yaml.safe_dump({**shared, **more, 'name': f'toy_{arm}'}))
    return found


def opened(files, runs):
    return open_arms(files['base'], [files['closed']], [files['hybrid']], runs)


def call(files, toy_data, tmp_path, *more):
    return main(['claim', '--data', str(toy_data), '--runs', str(tmp_path / 'runs'),
                 '--output', str(tmp_path / 'docs'), '--rounds', '2', '--jobs', '1',
                 *(f'--{arm}={path}' for arm, path in files.items()), *more])


@pytest.fixture
def tiny_everywhere(tiny_net, monkeypatch):
    """Let the whole command build the tiny network, wherever it opens a checkpoint."""
    for place in ('evaluation.loading', 'claim.overhead', 'head_balance'):
        monkeypatch.setattr(
            f'hybrid_training.{place}.build_network', lambda _, k, **__: tiny_net(k))


@pytest.mark.slow
@pytest.mark.timeout(900)   # trains three networks and exports one
@pytest.mark.usefixtures('tiny_everywhere')
def test_trains_measures_and_writes(files, toy_data, tmp_path, capsys, monkeypatch):
    for place in ('evaluation.anomaly_measures', 'claim.bars'):
        monkeypatch.setattr(f'hybrid_training.{place}.RESAMPLES', 20)   # 1000 take a while
    assert call(files, toy_data, tmp_path) == 0
    assert 'training from step 0 to 2' in capsys.readouterr().out
    base, hybrid = (load_checkpoint(tmp_path / f'runs/toy_{arm}/last.pt')
                    for arm in ('base', 'hybrid'))
    assert hybrid.config['init'] == str(tmp_path / 'runs/toy_base/last.pt')
    assert base.step == hybrid.step == 2

    found = json.loads((tmp_path / 'docs/results/results.json').read_text())
    assert {name: arm['budget']['measured'] for name, arm in found['arms'].items()} == {
        'base': 'last.pt', 'closed': 'last.pt', 'hybrid': 'last_balanced.pt'}
    assert found['counted_sets'] == ['anomalies', HELD_OUT]
    for arm in ('closed', 'hybrid'):
        for scores in found['arms'][arm]['sets'].values():
            assert set(scores) == SCORES
            assert all(0 <= f['ap'] <= 1 for f in scores.values())
    assert all(0 <= arm['miou'] <= 1 for arm in found['arms'].values())
    assert len(found['bars']) >= 7
    page = (tmp_path / 'docs/results.md').read_text()
    for bar in found['bars']:
        met = 'yes' if bar['met'] else '**no**'
        assert f'| {bar["asked"]} | {bar["reached"]} | {met} |' in page
    for name in ('scores', 'precision_recall'):
        assert f'(results/{name}.svg)' in page
        assert (tmp_path / f'docs/results/{name}.svg').read_text().startswith('<?xml')

    # What is finished is reused.
    said = []
    arms = opened(files, tmp_path / 'runs')
    train_missing(arms, toy_data, said.append)
    assert [text.split(',')[0] for text in said] == [
        'base: finished', 'closed: finished', 'hybrid: finished']
    assert arms.hybrid.budget()['stages'][0]['differs_from_file_in'] == []
    assert 'Only 2 pictures of each set' in results_page({**found, 'limit': 2})


def test_the_start_is_the_same_however_the_runs_folder_is_written(files, tmp_path, monkeypatch):
    arm = opened(files, tmp_path / 'runs').hybrid.final
    for init, wanted in (('runs/toy_base/last.pt', []), ('runs/other/last.pt', ['init'])):
        trained = arm.config.model_copy(update={'init': init})
        monkeypatch.setattr(
            'hybrid_training.claim.arms.Stage.trained_config', lambda _, t=trained: t)
        assert arm.differences() == wanted


@pytest.mark.skipif(shutil.which('make') is None, reason='no make here')
def test_make_takes_no_half_rendered_folder_for_whole(tmp_path):
    python = tmp_path / 'bin/python'
    python.parent.mkdir()
    # stands in for the renderer: writes two frames, and is killed between them the first time
    python.write_text('#!/bin/sh\nmkdir -p "$9"; touch "$9/1.jpg"\n'
                      'test -e seen || { touch seen; kill -9 $$; }\ntouch "$9/2.jpg"\n')
    python.chmod(0o755)
    makefile = Path(__file__).parents[2] / 'Makefile'
    call = ['make', '-f', str(makefile), f'BIN={python.parent}', 'runs/rendered/train']
    whole = tmp_path / 'runs/rendered/train'
    assert subprocess.run(call, cwd=tmp_path, capture_output=True, check=False).returncode
    assert not whole.exists()
    for _ in range(2):   # made, then left alone
        done = subprocess.run(call, cwd=tmp_path, capture_output=True, check=True, text=True)
        assert sorted(p.name for p in whole.iterdir()) == ['1.jpg', '2.jpg']
        assert [p.name for p in whole.parent.iterdir()] == ['train']
    assert 'up to date' in done.stdout


@pytest.mark.timeout(300)   # every process imports torch
def test_parts_measured_side_by_side_all_come_back_and_a_dead_process_is_told():
    parts = [partial(divmod, number, 3) for number in range(4)]
    assert sorted(_run(parts, 2)) == [(0, 0), (0, 1), (0, 2), (1, 0)]
    with pytest.raises(HybridTrainingError, match=r'fewer than 2 at a time: --jobs 1'):
        list(_run([*parts, partial(os._exit, 9)], 2))


def test_nothing_trained_is_said_in_one_line(files, toy_data, tmp_path, capsys):
    assert call(files, toy_data, tmp_path, '--evaluate-only') == 1
    assert 'toy_base/last.pt: no such checkpoint' in capsys.readouterr().err


@pytest.mark.parametrize(('arm', 'change', 'words'), [
    ('hybrid', {'steps': 3}, 'differ in steps'), ('closed', {'seed': 5}, 'differ in seed'),
    ('hybrid', {'negatives': None, 'validation': None}, 'must have negatives'),
    ('closed', {'loss': {'beta': 0.0, 'stride': 1}}, 'differ in loss.stride'),
    ('closed', {'name': 'toy_hybrid'}, 'needs a name of its own'),
])
def test_arms_must_be_alike_but_for_the_recipe(files, tmp_path, arm, change, words):
    raw = yaml.safe_load(files[arm].read_text())
    files[arm].write_text(yaml.safe_dump({**raw, **change}))
    with pytest.raises(ConfigError, match=words):
        opened(files, tmp_path)


def test_stages_go_on_from_each_other(files, tmp_path):
    more = {}
    for arm in ('closed', 'hybrid'):
        raw = yaml.safe_load(files[arm].read_text())
        more[arm] = tmp_path / f'{arm}_more.yaml'
        more[arm].write_text(yaml.safe_dump({**raw, 'name': f'toy_{arm}_more', 'steps': 3}))
    arms = open_arms(files['base'], *([files[arm], more[arm]] for arm in more), tmp_path)
    for arm in (arms.closed, arms.hybrid):
        assert [stage.config.init for stage in arm.stages] == [
            str(tmp_path / f'{run}/last.pt') for run in ('toy_base', f'toy_{arm.name}')]
        assert arm.checkpoint == tmp_path / f'toy_{arm.name}_more/last.pt'
    with pytest.raises(ConfigError, match=r'2 .* and 1 of the hybrid recipe'):
        open_arms(files['base'], [files['closed'], more['closed']], [files['hybrid']], tmp_path)


def test_negatives_that_training_saw_are_no_held_out_set(files, toy_data, tmp_path, monkeypatch):
    arms = opened(files, tmp_path)
    monkeypatch.setattr(
        'hybrid_training.claim.arms.Stage.trained_config', lambda stage: stage.config)
    assert HELD_OUT in Protocol.of(arms, toy_data, None).anomaly_sets()
    raw = yaml.safe_load(files['hybrid'].read_text())
    del raw['validation']['held_out_negatives']
    files['hybrid'].write_text(yaml.safe_dump(raw))
    arms = opened(files, tmp_path)
    assert list(Protocol.of(arms, toy_data, None).anomaly_sets()) == ['anomalies', SEEN]


def arm(miou, **ahead):
    """Make an arm whose scores separate by so much on three images of two sets."""
    rng = np.random.default_rng(0)
    sets = {}
    for name in ('first', SEEN):
        scores = {}
        for score, distance in ahead.items():
            images = ImageHistograms()
            for _ in range(3):
                target = np.arange(200) % 4 == 0
                images.update(rng.normal(size=200) + distance * target, target.astype(int))
            ap = images.average_precisions().mean()
            scores[score] = MeasuredScore(
                {'ap': ap, 'fpr95': 1 - ap}, images, np.zeros(0), np.zeros(0))
        sets[name] = scores
    return ArmMeasures(miou, {}, sets)


def test_bars_are_judged_by_the_figures():
    arms = {'base': arm(0.6), 'closed': arm(0.63),
            'hybrid': arm(0.605, hybrid=3, discriminative=1, generative=5)}
    compared = differences(arms['hybrid'])
    assert counted_sets(arms['hybrid']) == ['first']
    overhead = {'threads': {
        '1': {'plain_ms': 100.0, 'hybrid_ms': 101.0, 'overhead': 0.01, 'interval95': [0, 0.02]},
        '2': {'plain_ms': 50.0, 'hybrid_ms': 52.0, 'overhead': 0.04, 'interval95': [0, 0.1]}}}
    found = {bar.asked: bar.met for bar in bars(arms, overhead, compared)}
    assert found == {
        'hybrid ahead of discriminative-only in mean AP': True,
        'hybrid ahead of discriminative-only in mean FPR95': True,
        'hybrid ahead of generative-only in mean AP': False,
        'hybrid ahead of generative-only in mean FPR95': False,
        'closed mIoU at most 1 point lower than the network before it': True,
        'closed mIoU at most 1 point lower than the arm of equal budget without negatives': False,
        'exported graph at most 2 % slower with the score, 1 thread(s)': True,
        'exported graph at most 2 % slower with the score, 2 thread(s)': False}
    low, high = compared['discriminative']['ap_interval95']
    assert 0 < low < high
