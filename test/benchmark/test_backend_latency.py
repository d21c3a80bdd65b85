# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

import pytest

pytest.importorskip('onnx', reason='the benchmark cuts the graph with onnx')

SCRIPT = Path(__file__).resolve().parents[2] / 'benchmark' / 'backend_latency.py'


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False)


def test_measures_all_three_against_the_closed_set(tiny_model, tmp_path):
    done = run('--model', tiny_model, '--rounds', 3, '--camera', '64x48',
               '--json', tmp_path / 'figures.json')
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / 'figures.json').read_text(encoding='utf-8'))
    assert set(figures) == {'closed-set engine', 'engine', 'segmenter'}
    assert figures['closed-set engine']['ratio'] == 1.0
    assert all(row['median_ms'] > 0 for row in figures.values())
    assert all(name in done.stdout for name in figures)


def test_missing_model_is_named(tmp_path):
    done = run('--model', tmp_path / 'none.json')
    assert done.returncode == 1
    assert 'none.json' in done.stderr
