# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')

from benchmark.replay_throughput import measure
from benchmark.table import Settings

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, '-m', 'benchmark.replay_throughput', *map(str, arguments)], cwd=ROOT,
        capture_output=True, text=True, timeout=110, check=False)


def test_measures_engine_replay_and_memory(tiny_model, tmp_path):
    done = run('--model', tiny_model, '--frames', 4, '--rounds', 2, '--camera', '96x48',
               '--threads', 1, '--memory-frames', 200, '--json', tmp_path / 'figures.json')
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / 'figures.json').read_text(encoding='utf-8'))
    throughput, memory = figures['throughput'], figures['memory']
    [replay] = throughput['replays']
    assert replay['name'] == 'replay --jobs 1 --threads 1'
    assert len(replay['ratios']) == 2
    assert throughput['engine_ms'] > 0
    assert replay['ms'] > 0
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


def test_the_section_says_what_the_tool_does_by_itself(tiny_model):
    tables = measure(Settings(tiny_model, threads=(1, 2), quick=True))
    throughput, memory = tables
    assert [row[0] for row in throughput.rows[1:]] == [
        'replay --jobs 2 --threads 1', 'replay --jobs 1 --threads 2']
    assert throughput.rows[0][0].startswith('engine alone, ONNX Runtime')
    assert throughput.rows[0][0].endswith('2 thread(s)')
    assert all(float(row[1]) > 0 for row in throughput.rows[1:])
    assert all(float(row[2]) > 0 for row in throughput.rows[1:])
    assert [row[0] for row in memory.rows] == ['1', '2', '4']
    # Not that of this process, which is larger: the tests load much.
    assert all(10 < float(row[1]) < 400 for row in memory.rows)
    assert 'a drive of 200 frames' in memory.note


def test_missing_model_is_named(tmp_path):
    done = run('--model', tmp_path / 'none.json')
    assert done.returncode == 1
    assert 'none.json' in done.stderr
