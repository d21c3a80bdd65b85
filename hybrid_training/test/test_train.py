# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: it learns, logs, resumes bit by bit, measures, and picks the best."""

from __future__ import annotations

import csv
import json
import os
import signal

import pytest
import torch
import yaml

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import TrainingConfig
from hybrid_training.exceptions import RunFolderError
from hybrid_training.learner import Learner
from hybrid_training.run_folder import RunFolder
from hybrid_training.starting_weights import fresh_network
from hybrid_training.train import train
from hybrid_training.validation import Validation, ValidationReport

pytestmark = pytest.mark.usefixtures('tiny_net')


def rows(path) -> list[dict[str, str]]:
    with path.open(newline='') as stream:
        return list(csv.DictReader(stream))


def same_state(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(v, second[k]) for k, v in first.items())


def cut_at(monkeypatch, step: int, how) -> None:
    """Let `how()` happen before the step of this number is taken."""
    learn = Learner.learn

    def learn_or_cut(self, image, label):
        if self.step == step - 1:
            how()
        return learn(self, image, label)

    monkeypatch.setattr(Learner, 'learn', learn_or_cut)


def kill():
    raise SystemExit  # what nothing in the loop catches


def test_run_writes_what_it_promises(toy_data, toy_config, tmp_path, monkeypatch):
    monkeypatch.setattr('hybrid_training.start.fresh_network', fresh_network)  # the real one
    last = train(TrainingConfig.model_validate(toy_config), tmp_path, data_root=toy_data)
    assert load_checkpoint(last).step == 4
    assert (tmp_path / 'best.pt').is_file()
    assert list((tmp_path / 'tensorboard').iterdir())
    assert [r['step'] for r in rows(tmp_path / 'train.csv')] == ['4']
    [validation] = rows(tmp_path / 'validation.csv')
    assert {'closed/miou', 'anomalies/hybrid_ap', 'anomalies/discriminative_ap',
            'anomalies/generative_fpr95'} <= set(validation)
    assert all(0 <= float(v) <= 1 for k, v in validation.items() if k != 'step')


def test_run_folder_says_with_what_the_run_was_started(toy_data, toy_config, tmp_path):
    config = TrainingConfig.model_validate({**toy_config, 'validation': None, 'stop': 2})
    train(config, tmp_path, data_root=toy_data)
    train(config.model_copy(update={'stop': 3}), tmp_path, data_root=toy_data)
    first, second = map(json.loads, (tmp_path / 'starts.jsonl').read_text().splitlines())
    assert (first['step'], second['step']) == (0, 2)
    assert first['seed'] == 1
    assert first['packages']['torch'] == torch.__version__
    assert first['python'].startswith('3.')
    assert first['threads'] == 1
    assert first['device'] == 'cpu'
    assert first['cpu']
    assert 'pytest' in first['command']
    assert first['config']['stop'] == 2
    assert yaml.safe_load((tmp_path / 'config.yaml').read_text()) == second['config']
    if first['git'] is not None:
        assert len(first['git']['commit']) == 40
        assert isinstance(first['git']['dirty'], bool)


@pytest.mark.parametrize('options', [
    {}, {'optimizer': {'warmup': 2, 'ema': 0.9}},
    {'optimizer': {'schedule': 'cosine', 'decay_norm_and_bias': False,
                   'batch_norm': 'frozen_encoder'}},
    {'precision': 'bf16'}, {'precision': 'fp16', 'workers': 0}],
    ids=['as today', 'average', 'cosine', 'bf16', 'fp16'])
def test_resumed_run_equals_an_uninterrupted_one(
        toy_data, toy_config, tmp_path, monkeypatch, options):
    config = TrainingConfig.model_validate({
        **toy_config, 'validation': None, 'log_every': 1, **options})
    whole = train(config, tmp_path / 'whole', data_root=toy_data)
    with monkeypatch.context() as patched:
        cut_at(patched, 4, kill)  # after the checkpoint of step 2, in the middle of the run
        with pytest.raises(SystemExit):
            train(config, tmp_path / 'cut', data_root=toy_data)
    assert load_checkpoint(tmp_path / 'cut' / 'last.pt').step == 2
    resumed = train(config, tmp_path / 'cut', data_root=toy_data)

    first, second = load_checkpoint(whole), load_checkpoint(resumed)
    assert same_state(first.model, second.model)
    assert same_state(first.average or {}, second.average or {})
    assert (first.average is None) == (config.optimizer.ema == 0)
    assert (first.scaler, first.negative_energies) == (second.scaler, second.negative_energies)
    logged = [[(r['step'], r['total'], r['negative_energy'], r['lr'])
               for r in rows(p.parent / 'train.csv')] for p in (whole, resumed)]
    assert len(logged[0]) == 4
    assert logged[0] == logged[1]


def test_interrupt_keeps_what_was_trained(toy_data, toy_config, tmp_path, monkeypatch):
    config = TrainingConfig.model_validate({
        **toy_config, 'validation': None, 'checkpoint_every': 100})
    with monkeypatch.context() as patched:
        cut_at(patched, 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path, data_root=toy_data)
    assert load_checkpoint(tmp_path / 'last.pt').step == 3  # the step that it came in is whole


def test_second_run_in_the_same_folder_is_refused(toy_data, toy_config, tmp_path):
    # The lock is of a process; one that holds it is made here.
    import subprocess
    import sys

    code = ('import sys; from pathlib import Path; from hybrid_training.run_folder import '
            'RunFolder\nwith RunFolder(Path(sys.argv[1])): print("in", flush=True); input()')
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, '-c', code, str(tmp_path)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == 'in\n'
        with pytest.raises(RunFolderError, match='another process trains into this folder'):
            train(TrainingConfig.model_validate(toy_config), tmp_path, data_root=toy_data)
        other.kill()
    with RunFolder(tmp_path):  # free again, though the other never said so
        pass


def measured(monkeypatch, values) -> None:
    """Let the validations find these values in turn; an exception in their place is raised."""
    found = iter(values)

    def measure(self, model):
        value = next(found)
        if isinstance(value, BaseException):
            raise value
        return ValidationReport({'closed/miou': value})

    monkeypatch.setattr(Validation, 'measure', measure)


def test_resumed_run_keeps_a_better_checkpoint(toy_data, toy_config, tmp_path, monkeypatch):
    measured(monkeypatch, [0.9, 0.2])
    every_two = {**toy_config, 'validation': {**toy_config['validation'], 'every': 2}}
    short = TrainingConfig.model_validate({**every_two, 'stop': 2})
    train(short, tmp_path, data_root=toy_data)
    train(TrainingConfig.model_validate(every_two), tmp_path, data_root=toy_data)
    assert load_checkpoint(tmp_path / 'best.pt').step == 2
    assert load_checkpoint(tmp_path / 'last.pt').step == 4


def test_later_and_better_takes_the_place_of_the_best(
        toy_data, toy_config, tmp_path, monkeypatch):
    measured(monkeypatch, [0.2, 0.9])
    every_two = {**toy_config, 'validation': {**toy_config['validation'], 'every': 2}}
    train(TrainingConfig.model_validate(every_two), tmp_path, data_root=toy_data)
    assert load_checkpoint(tmp_path / 'best.pt').step == 4


def test_run_killed_while_measuring_loses_no_step_and_comes_back_to_it(
        toy_data, toy_config, tmp_path, monkeypatch):
    config = TrainingConfig.model_validate({**toy_config, 'checkpoint_every': 100})
    with monkeypatch.context() as patched:
        measured(patched, [SystemExit()])
        with pytest.raises(SystemExit):
            train(config, tmp_path, data_root=toy_data)
    assert load_checkpoint(tmp_path / 'last.pt').step == 4
    assert not (tmp_path / 'best.pt').exists()
    train(config, tmp_path, data_root=toy_data)
    assert load_checkpoint(tmp_path / 'best.pt').step == 4
    assert len(rows(tmp_path / 'validation.csv')) == 1
    # nothing is left to do, and nothing is done twice
    train(config, tmp_path, data_root=toy_data)
    assert len(rows(tmp_path / 'validation.csv')) == 1


def test_runaway_is_told_once_and_stands_in_the_log(toy_data, toy_config, tmp_path, monkeypatch):
    monkeypatch.setattr('hybrid_training.energy_watch.EnergyWatch.__init__.__defaults__', (2,))
    config = TrainingConfig.model_validate({
        **toy_config, 'validation': None, 'log_every': 1, 'loss': {'runaway_bound': 1000.0}})
    train(config, tmp_path, data_root=toy_data)
    energies = [float(r['negative_energy']) for r in rows(tmp_path / 'train.csv')]
    assert all(0 < e < 1000 for e in energies)
    [message] = (tmp_path / 'messages.log').read_text().splitlines()
    assert message.startswith('WARNING: step 2: mean ln p of negatives is ')
    assert 'loss.energy_floor' in message
    train(config.model_copy(update={'steps': 6}), tmp_path, data_root=toy_data)
    assert len((tmp_path / 'messages.log').read_text().splitlines()) == 1


def test_run_of_the_oldest_checkpoints_goes_on(toy_data, toy_config, tmp_path):
    """A checkpoint as commit e120dcc wrote it: no scaler, no energies, no new options."""
    config = TrainingConfig.model_validate({**toy_config, 'validation': None, 'stop': 2})
    last = train(config, tmp_path, data_root=toy_data)
    old = torch.load(last, weights_only=True)
    for key in ('scaler', 'negative_energies'):
        del old[key]
    for key in ('device', 'precision', 'photometric', 'workers', 'on_bad_image', 'log_every'):
        del old['config'][key]
    for key in ('schedule', 'train', 'batch_norm', 'decay_norm_and_bias'):
        del old['config']['optimizer'][key]
    torch.save(old, last)
    (tmp_path / 'train.csv').write_text(
        'step,total,lr\r\n2,1.5,0.1\r\n', newline='')  # nor did its log have all the columns
    train(config.model_copy(update={'stop': 4}), tmp_path, data_root=toy_data)
    assert load_checkpoint(last).step == 4
    logged = rows(tmp_path / 'train.csv')
    assert [(r['step'], r['total'] == '1.5', r['negative_energy'] == 'nan') for r in logged] == [
        ('2', True, True), ('4', False, False)]
