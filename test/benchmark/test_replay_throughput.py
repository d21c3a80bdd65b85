# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')

SCRIPT = Path(__file__).resolve().parents[2] / 'benchmark' / 'replay_throughput.py'


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True, text=True, timeout=110, check=False)


def test_measures_engine_replay_and_memory(tiny_model, tmp_path):
    done = run('--model', tiny_model, '--frames', 4, '--rounds', 2, '--camera', '96x48',
               '--threads', 1, '--memory-frames', 200, '--json', tmp_path / 'figures.json')
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / 'figures.json').read_text(encoding='utf-8'))
    throughput, memory = figures['throughput'], figures['memory']
    assert len(throughput['ratios']) == 2
    assert throughput['engine_ms'] > 0
    assert throughput['replay_ms'] > 0
    assert memory['frames'] == 200
    # 180 frames of the memory run would take 30 MB if they were kept.
    assert 10 < memory['early_mb'] < memory['late_mb'] + 5 < memory['early_mb'] + 30
    assert 'replay keeps' in done.stdout


def test_the_bar_is_an_exit_code(tiny_model):
    # Next to a network that does nothing all the rest is much.
    done = run('--model', tiny_model, '--frames', 4, '--rounds', 1, '--camera', '640x480',
               '--threads', 1, '--memory-frames', 0, '--check')
    assert done.returncode == 1
    assert done.stderr == ''
    assert 'replay keeps' in done.stdout


def test_missing_model_is_named(tmp_path):
    done = run('--model', tmp_path / 'none.json')
    assert done.returncode == 1
    assert 'none.json' in done.stderr
