# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Age of what is published while the camera is faster than the engine.

The node of the usual kind (queue of ten, reliable, work in the callback) gets the same feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import resource
import subprocess
import sys
import tempfile

import numpy as np
from numpy.typing import NDArray

from benchmark.dds.processes import (
    Received,
    environment,
    module_command,
    node_command,
    read_log,
    read_times,
    running,
    wait_for_lines,
)
from benchmark.interleaved import noise
from benchmark.table import Bar, Settings, Table
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.manifest import load_manifest

SIZE = (720, 1280)
FACTORS = (3, 10)
SECONDS = {3: 60.0, 10: 30.0}
USUAL_SECONDS = 20.0
ENGINE_ROUNDS = 30


@dataclass(frozen=True)
class EngineCost:
    """What one inference costs alone: wall and CPU, seconds."""

    wall: float
    cpu: float


def measure(settings: Settings) -> list[Table]:
    """Overload our node by each factor, and the usual one by the first."""
    # A core is left for camera and reader, as on a robot there is one for the rest.
    threads = max(1, settings.threads[-1] - 1)
    cost = _engine_cost(settings, threads)
    before, loads = cost, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for factor in FACTORS:
            seconds = 4.0 if settings.quick else SECONDS[factor]
            received, inference, used = _ours(
                settings, threads, factor / cost.wall, seconds, folder)
            # The machine's speed drifts: the engine is timed before and after.
            later = _engine_cost(settings, threads)
            engine = (len(received) - 1) * (before.cpu + later.cpu) / 2
            span = float(received.received[-1] - received.received[0])
            loads.append(Load(
                f'{factor} x, ours', received, inference, (used - engine) / span))
            before = later
        seconds = 4.0 if settings.quick else USUAL_SECONDS
        loads.append(Load(f'{FACTORS[0]} x, usual node', _usual(
            settings, threads, FACTORS[0] / cost.wall, seconds, folder)))
    return [Table(
        'The camera is faster than the engine',
        ('camera', 'published', 'age p50 ms', 'p99 ms', 'p99 / engine', 'first third p50',
         'last third p50', 'CPU beyond the engine'),
        tuple(load.cells(cost.wall) for load in loads),
        f'1280x720 raw, {SECONDS[3]:.0f} and {SECONDS[10]:.0f} s; engine alone '
        f'{1000 * cost.wall:.0f} ms with {threads} thread(s). Age: from the stamp of a frame to '
        'the arrival of its label. Receiving what is dropped counts as CPU beyond the engine. '
        'Whether the age grows is judged by the time that the engine took in the same third: '
        'machines slow down and recover by themselves.',
        loads[0].bars(cost.wall))]


@dataclass(frozen=True)
class Load:
    """What one camera did to one node.

    Attributes:
        words: name of the case.
        received: the labels.
        inference: (N,) s, what the engine took for each frame; None where it was not measured.
        beyond: CPU beyond the engine, of a core; None where it was not measured.
    """

    words: str
    received: Received
    inference: NDArray[np.float64] | None = None
    beyond: float | None = None

    def cells(self, engine: float) -> tuple[str, ...]:
        """Return the row; `engine` is the time of one inference, s."""
        median, p99 = np.percentile(self.received.age, (50, 99))
        first, last = _thirds(self.received.age)
        return (self.words, str(len(self.received)), f'{1000 * median:.0f}', f'{1000 * p99:.0f}',
                f'{p99 / engine:.2f}', f'{1000 * first:.0f}', f'{1000 * last:.0f}',
                '' if self.beyond is None else f'{100 * self.beyond:.0f} % of a core')

    def bars(self, engine: float) -> tuple[Bar, ...]:
        """Return what is asked of an overloaded node."""
        p99 = float(np.percentile(self.received.age, 99)) / engine
        return (
            Bar(f'{self.words}: p99 of the age, to the engine (transport included)',
                round(p99, 2), 2),
            *(() if self.inference is None else (
                Bar(f'{self.words}: age in the last third, to the first, by the engine then',
                    round(growth(self.received.age, self.inference), 2), 1.1),)),
            *(() if self.beyond is None else (
                Bar(f'{self.words}: CPU beyond the engine', round(100 * self.beyond, 1), 10,
                    ' % of a core'),)))


def growth(age: NDArray[np.float64], inference: NDArray[np.float64]) -> float:
    """Return by what the age, in times of the engine, has grown from the first to the last third.

    Args:
        age: (N,) s, in order.
        inference: (M,) s, in order; over the same time.
    """
    first, last = _thirds(age)
    engine_first, engine_last = _thirds(inference)
    return (last / engine_last) / (first / engine_first)


def _thirds(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the medians of the first and of the last third."""
    third = max(1, len(values) // 3)
    return float(np.median(values[:third])), float(np.median(values[-third:]))


def _engine_cost(settings: Settings, threads: int) -> EngineCost:
    done = subprocess.run(
        [sys.executable, '-m', 'benchmark.overload', str(settings.model), str(threads),
         str(settings.rounds(ENGINE_ROUNDS))], capture_output=True, text=True, check=True)
    return EngineCost(*map(float, done.stdout.split()))


def _ours(
    settings: Settings, threads: int, rate: float, seconds: float, folder: Path,
) -> tuple[Received, NDArray[np.float64], float]:
    """Return the labels, the engine's times and the CPU of the node between them, s."""
    log, times = folder / 'ours.csv', folder / 'times.csv'
    for path in (log, times):
        path.unlink(missing_ok=True)
    variables = environment()
    commands = {
        'node': node_command(settings.model, threads=threads, remaps={'image': '/a/image'}),
        'reader': module_command('reader', '/perception/label', '--log', str(log)),
        'times': module_command(
            'times_reader', '/perception/debug/inference_time_ms', '--log', str(times)),
        'camera': _camera(rate, seconds),
    }
    with running(commands, variables, folder) as processes:
        wait_for_lines(log, 1, processes['node'])
        before = processes['node'].usage().cpu
        processes['camera'].wait(seconds + 60)
        used = processes['node'].usage().cpu - before
    received = read_log(log)
    return received, np.array(read_times(times, 1)[0]) / 1000, used


def _usual(
    settings: Settings, threads: int, rate: float, seconds: float, folder: Path
) -> Received:
    log = folder / 'usual.csv'
    log.unlink(missing_ok=True)
    commands = {
        'node': module_command(
            'usual_node', '--model', str(load_manifest(settings.model).path), '--threads',
            str(threads), '--ros-args', '-r', 'image:=/a/image'),
        'reader': module_command('reader', '/usual/label', '--log', str(log)),
        'camera': [*_camera(rate, seconds), '--reliable'],
    }
    with running(commands, environment(), folder) as processes:
        processes['camera'].wait(seconds + 60)
        wait_for_lines(log, 1, processes['node'])
    return read_log(log)


def _camera(rate: float, seconds: float) -> list[str]:
    return module_command('camera', '/a/image', '--size', *(str(n) for n in SIZE), '--rate',
                          f'{rate:.2f}', '--seconds', str(seconds))


def main() -> None:
    """Print wall and CPU seconds of one inference; arguments: model, threads, rounds."""
    import time

    model, threads, rounds = sys.argv[1:]
    manifest = load_manifest(model)
    engine = OnnxRuntimeBackend(manifest, threads=int(threads))
    image = noise((1, *manifest.input_size, 3))
    engine.infer(image)
    walls = []
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(int(rounds)):
        start = time.perf_counter()
        engine.infer(image)
        walls.append(time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / int(rounds)
    print(float(np.median(walls)), cpu)


if __name__ == '__main__':
    main()
