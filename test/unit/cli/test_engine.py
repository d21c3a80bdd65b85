# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-perception engine` from its arguments to its exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
from tensorrt_stand_in import World

from hybrid_perception.cli import engine
from hybrid_perception.cli.main import main

ROOT = Path(__file__).resolve().parents[3]

SLOW_BUILD = """
import sys
from tensorrt_stand_in import World
from hybrid_perception.cli import engine
from hybrid_perception.cli.main import main

world = World(steps=1000, step_seconds={step})
engine.find_accelerator = world.accelerator
sys.exit(main(['engine', 'build', {model!r}, '--cache-dir', {cache!r}]))
"""


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(engine, 'find_accelerator', world.accelerator)
    return world


@pytest.fixture
def run(tmp_path, capsys):
    """Make a function that runs an action and returns exit code, output and errors."""

    def call(*arguments):
        code = main(['engine', *map(str, arguments), '--cache-dir', str(tmp_path / 'cache')])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def test_build_check_list_clear(run, world, tiny_model):
    code, out, err = run('build', tiny_model)
    assert code == 0
    assert 'building the TensorRT engine, 50 %' in err
    for words in ('.engine', 'tiny, ONNX', 'Orin (8.7), tensorrt 10.3.0', '"passed": true'):
        assert words in out
    code, again, err = run('build', tiny_model)
    assert (code, again, err) == (0, out, '')
    assert world.calls.count('build') == 1
    code, out, _ = run('check', tiny_model)
    assert code == 0
    assert 'labels agree on 100.00 %' in out
    code, out, _ = run('list')
    assert '1 engine(s)' in out
    entry, = json.loads(run('list', '--json')[1])
    assert Path(entry['path']).is_file()
    assert entry['key']['parts']['gpu'] == 'Orin'
    assert run('clear', '--model', 'other')[1].startswith('0.0 MB')
    assert run('clear')[0] == 0
    assert '0 engine(s)' in run('list')[1]
    assert not Path(entry['path']).exists()


def test_rebuild_builds(run, world, tiny_model):
    run('build', tiny_model)
    assert run('build', tiny_model, '--rebuild')[0] == 0
    assert world.calls.count('build') == 2


def test_an_engine_that_differs_is_exit_code_1_and_listed(run, world, tiny_model):
    world.score_offset = 1.0
    code, _, err = run('build', tiny_model)
    assert code == 1
    assert 'differs from the CPU' in err
    assert 'REFUSED' in run('list')[1]
    world.score_offset = 0.0
    code, out, _ = run('build', tiny_model, '--rebuild')
    assert (code, 'REFUSED' in out) == (0, False)
    world.score_offset = 1.0
    code, out, err = run('check', tiny_model)
    assert code == 1
    assert 'scores within 1.0000' in out
    assert 'differs from the CPU too much' in err


def test_check_never_builds(run, world, tiny_model, tmp_path):
    code, _, err = run('check', tiny_model)
    assert code == 1
    assert 'there is no TensorRT engine of model tiny' in err
    assert 'build' not in world.calls
    code, _, err = run('check', tiny_model, '--engine', tmp_path / 'nowhere')
    assert code == 1
    assert 'nowhere cannot be read' in err


def test_without_a_gpu_build_says_what_is_missing(run, tiny_model):
    code, _, err = run('build', tiny_model)
    assert code == 1
    assert 'no NVIDIA driver' in err


@pytest.mark.parametrize('step', [0.05, 30.0])
def test_ctrl_c_ends_a_build_within_two_seconds(tiny_model, tmp_path, step):
    code = SLOW_BUILD.format(model=str(tiny_model), cache=str(tmp_path / 'cache'), step=step)
    paths = os.pathsep.join([str(ROOT), str(ROOT / 'test' / 'stand_ins')])
    process = subprocess.Popen(
        [sys.executable, '-c', code], stderr=subprocess.PIPE, text=True,
        env={**os.environ, 'PYTHONPATH': paths})
    try:
        assert process.stderr.readline() == 'building the TensorRT engine, 0 %\n'
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 1
        assert time.monotonic() - begun < 2.5
        assert 'interrupted' in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize('arguments', [['engine'], ['engine', 'fly'], ['engine', 'build']])
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
