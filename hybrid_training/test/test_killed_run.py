# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A real training process, killed by SIGKILL: the run goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
import csv
import os
from pathlib import Path
import random
import subprocess
import sys
import time

import pytest
import torch
import yaml

from hybrid_training.checkpoint import load_checkpoint

STEPS = 12
SECONDS = 900  # of a machine that has better things to do
EXACT = ('step', 'total', 'classification', 'negative_likelihood', 'dataset', 'negative_energy',
         'lr')

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def start(toy_data, toy_config, tmp_path) -> Callable[[Path], subprocess.Popen[str]]:
    """Start `hybrid-training train` into a run folder; a checkpoint is written at every step."""
    config = tmp_path / 'toy.yaml'
    config.write_text(yaml.safe_dump({
        **toy_config, 'steps': STEPS, 'checkpoint_every': 1, 'log_every': 1,
        'crop': {'size': [32, 32]},
        'model': {'encoder': 'lcnet_035', 'weights': 'random', 'channels': 16,
                  'pyramid_pooling': False},
        'optimizer': {'warmup': 5, 'ema': 0.9},
        'validation': {**toy_config['validation'], 'every': STEPS // 2, 'size': [32, 64]}}))

    def begin(run: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, '-m', 'hybrid_training.cli.main', 'train', '--config', str(config),
             '--data', str(toy_data), '--output', str(run)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(p for p in sys.path if p)})
    return begin


def finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output


def kill_when(process: subprocess.Popen[str], happens: Callable[[], bool]) -> bool:
    """Kill as soon as something happens; return whether the process was still at work."""
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and not happens():
        assert time.monotonic() < deadline, 'nothing happened'
    process.kill()
    process.communicate()
    return process.returncode == -9


def rows(run: Path, name: str = 'train') -> list[dict[str, str]]:
    try:
        with (run / f'{name}.csv').open(newline='') as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        return []


def equal(first: object, second: object) -> bool:
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and torch.equal(first, second)
    if isinstance(first, dict):
        return isinstance(second, dict) and first.keys() == second.keys() and all(
            equal(v, second[k]) for k, v in first.items())
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


def test_kills_at_any_moment_change_nothing(start, tmp_path):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    finish(start(whole))

    rng = random.Random(os.environ.get('KILL_SEED', '7'))
    part = cut / 'last.pt.part'
    # At a random moment of a random step, then while a checkpoint is being written.
    step = rng.randint(2, STEPS // 3)
    assert kill_when(start(cut), lambda: len(rows(cut)) >= step
                     and time.sleep(rng.uniform(0, 0.2)) is None)
    later = rng.randint(STEPS // 2, STEPS - 4)
    assert kill_when(start(cut), lambda: len(rows(cut)) >= later and part.exists())
    # What is in place is whole, however the other file was left.
    assert load_checkpoint(cut / 'last.pt').step >= later - 1
    finish(start(cut))

    first, second = load_checkpoint(whole / 'last.pt'), load_checkpoint(cut / 'last.pt')
    assert first.step == second.step == STEPS
    for part_of_state in ('model', 'average', 'optimizer', 'negative_energies'):
        assert equal(getattr(first, part_of_state), getattr(second, part_of_state)), part_of_state
    logged = [[[r[k] for k in EXACT] for r in rows(run)] for run in (whole, cut)]
    assert len(logged[0]) == STEPS
    assert logged[0] == logged[1]
    assert rows(whole, 'validation') == rows(cut, 'validation')
    best = [load_checkpoint(run / 'best.pt') for run in (whole, cut)]
    assert best[0].step == best[1].step
    assert equal(best[0].average, best[1].average)
    assert len((cut / 'starts.jsonl').read_text().splitlines()) == 3


def test_kill_in_the_middle_of_the_write_leaves_the_checkpoint_before(tmp_path):
    """The process stands still with half of the file written, so that the kill surely hits it."""
    code = """
import os, sys, time, torch
from pathlib import Path
from hybrid_training.checkpoint import Checkpoint, save_checkpoint
def state(step): return Checkpoint(step, {'w': torch.full((512, 512), float(step))}, None, {})
path = Path(sys.argv[1])
save_checkpoint(path, state(1))
def half(handle):
    os.ftruncate(handle, os.fstat(handle).st_size // 2)
    print('half', flush=True)
    time.sleep(600)
os.fsync = half
save_checkpoint(path, state(2))
"""
    path = tmp_path / 'last.pt'
    process = subprocess.Popen(
        [sys.executable, '-c', code, str(path)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(p for p in sys.path if p)})
    assert process.stdout is not None
    assert process.stdout.readline() == 'half\n'
    process.kill()
    process.communicate()
    part = path.with_name('last.pt.part')
    assert part.stat().st_size > 100_000
    assert load_checkpoint(path).step == 1
    with pytest.raises(Exception, match='not a whole checkpoint'):
        load_checkpoint(part)
