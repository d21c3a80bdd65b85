# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: exit codes, one clear line, and a whole round."""

from __future__ import annotations

import json

import pytest
import torch
import yaml

from hybrid_training.checkpoint import Checkpoint, save_checkpoint
from hybrid_training.cli.main import main


@pytest.fixture
def checkpoint(network, tmp_path, toy_config):
    path = tmp_path / 'toy.pt'
    save_checkpoint(path, Checkpoint(3, network.state_dict(), None, toy_config))
    return path


def test_evaluate_writes_figures(checkpoint, toy_data, tmp_path, capsys):
    code = main(['evaluate', str(checkpoint), '--anomaly', str(toy_data / 'anomalies'),
                 '--closed', str(toy_data / 'streets/val'), '--size', '128x64',
                 '--lookup', str(toy_data / 'streets/labels.json'),
                 '--output', str(tmp_path / 'figures.json')])
    assert code == 0
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert 0 <= figures['closed']['miou'] <= 1
    assert set(figures['anomaly']['anomalies']['hybrid']) == {'ap', 'auroc', 'fpr95'}
    assert 'discriminative' in capsys.readouterr().out


@pytest.mark.parametrize(('arguments', 'words'), [
    (['train', '--config', 'none.yaml', '--output', 'x'], 'none.yaml: cannot read'),
    (['evaluate', 'none.pt', '--anomaly', 'x'], 'none.pt: no such checkpoint'),
    (['evaluate', 'none.pt'], 'nothing to measure'),
    (['export', '--checkpoint', 'none.pt', '--output', 'x'], 'none.pt: no such checkpoint'),
    (['quantize', 'x', '--config', 'none.yaml'], 'none.yaml: cannot read'),
    (['quantize', 'x', '--config', 'y', '--precision', 'fp32'], 'nothing to do'),
])
def test_failure_is_one_line_and_exit_1(arguments, words, capsys):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count('\n') == 1


@pytest.mark.parametrize('arguments', [
    [], ['fly'], ['train'], ['evaluate', 'x', '--size', '12'], ['export', '--size', '0x3'],
    ['quantize', 'x', '--config', 'y', '--precision', 'fp8']])
def test_wrong_usage_is_exit_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.timeout(300)
def test_train_then_export(toy_data, toy_config, tmp_path, capsys):
    torch.manual_seed(0)
    config = tmp_path / 'toy.yaml'
    config.write_text(yaml.safe_dump({**toy_config, 'steps': 2}))
    data = ['--data', str(toy_data)]
    assert main(['train', '--config', str(config), '--output', str(tmp_path / 'run'), *data]) == 0
    assert main(['export', '--checkpoint', str(tmp_path / 'run/last.pt'),
                 '--output', str(tmp_path / 'models'), '--size', '128x64', *data]) == 0
    assert (tmp_path / 'models/toy.onnx').is_file()
    assert 'hybrid-perception inspect' in capsys.readouterr().out
