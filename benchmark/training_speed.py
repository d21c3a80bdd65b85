# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pixels an hour of training, and what of the recipe and the machine makes them.

Each arm is a process of its own, because an allocator is chosen when a process starts; they take
their steps in turns.
"""

from __future__ import annotations

from contextlib import ExitStack
import os
import subprocess
import sys
import time
from typing import Any

from benchmark.interleaved import milliseconds, ratio, take_turns
from benchmark.table import NotMeasured, Settings, Table

CROPS, HEIGHT, WIDTH = 6, 288, 512
UNIFORM, FALLING = 128, (128, 96, 64)
ARMS: dict[str, tuple[Any, int, bool]] = {
    'uniform decoder (128), the allocator of the machine': (UNIFORM, 0, False),
    'the same, jemalloc': (UNIFORM, 0, True),
    'decoder of falling widths (128, 96, 64), jemalloc': (FALLING, 0, True),
    'the same, encoder frozen up to stride 4': (FALLING, 4, True),
}
"""Widths of the decoder, stride up to which the encoder is frozen, and whether with jemalloc."""


def measure(settings: Settings) -> list[Table]:
    """Let the arms take steps in turns."""
    try:
        import torch  # noqa: F401 (only whether it is there)

        from hybrid_training.allocator import allocator_environment
    except ImportError as error:
        raise NotMeasured(f'the training package is not installed: {error}') from error
    if not allocator_environment():
        raise NotMeasured('jemalloc is not installed (Debian: libjemalloc2)')
    with ExitStack() as stack:
        steps = {name: stack.enter_context(_Arm(name)).step for name in ARMS}
        seconds = take_turns(steps, settings.rounds(8))
    first, *_ = ARMS
    pixels = CROPS * HEIGHT * WIDTH
    rows = []
    for name, values in seconds.items():
        median = sorted(values)[len(values) // 2]
        rows.append((name, milliseconds(values)[0], f'{3600e-9 * pixels / median:.2f}',
                     f'{ratio(seconds, name, first):.2f}'))
    return [Table(
        f'A step of {CROPS} crops of {WIDTH}x{HEIGHT}, {os.cpu_count()} cores',
        ('', 'median ms', 'gigapixels an hour', 'to the first'), tuple(rows),
        'Loss, gradients, optimiser and average of the weights; crops are made beforehand.')]


class _Arm:
    """A process that takes a step for each line that it is sent."""

    def __init__(self, name: str) -> None:
        from hybrid_training.allocator import allocator_environment

        environment = {**os.environ, **(allocator_environment() if ARMS[name][2] else {})}
        environment['PYTHONPATH'] = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'benchmark.training_speed', name], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> _Arm:
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def step(self) -> None:
        """Take one."""
        assert self._process.stdin is not None
        self._process.stdin.write('step\n')
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise NotMeasured('a process that trains ended by itself; see its message above')


def _train(name: str) -> None:
    import torch

    from hybrid_training.config import TrainingConfig
    from hybrid_training.learner import Learner
    from hybrid_training.models.network import build_network

    channels, frozen, _ = ARMS[name]
    config = TrainingConfig.model_validate({
        'name': 'speed', 'steps': 1000, 'model': {'channels': channels},
        'inliers': [{'root': 'none'}], 'loss': {'beta': 0.0},
        'optimizer': {'frozen_stride': frozen, 'ema': 0.99}})
    torch.set_num_threads(os.cpu_count() or 1)
    learner = Learner(build_network(config.model, 19, pretrained=False), config)
    image = torch.randint(0, 256, (CROPS, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    label = torch.randint(0, 19, (CROPS, HEIGHT, WIDTH), dtype=torch.uint8)
    for _ in range(2):
        learner.learn(image, label)
    print('ready', flush=True)
    for _ in sys.stdin:
        begun = time.monotonic()
        learner.learn(image, label)
        print(time.monotonic() - begun, flush=True)


if __name__ == '__main__':
    _train(sys.argv[1])
