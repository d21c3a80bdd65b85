# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Time of the whole node over DDS, and its own part of it against the floor of any rclpy node.

For the node's own part it runs a model that costs nothing, beside a bare node that sends as many
bytes; one camera sends its frames to the two in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import tempfile

import numpy as np

from benchmark.dds.echo_node import OUTPUTS
from benchmark.dds.pass_through import write_pass_through
from benchmark.dds.processes import (
    Process,
    Received,
    environment,
    module_command,
    node_command,
    read_log,
    running,
)
from benchmark.table import Settings, Table

CAMERAS = ((360, 640), (720, 1280), (1080, 1920))
RATE = 20.0
SECONDS = 5.0
REAL_RATE = 2.0
REAL_SECONDS = 6.0


@dataclass(frozen=True)
class Case:
    """What the camera sends and how much is read."""

    size: tuple[int, int]
    outputs: int
    compressed: bool

    @property
    def words(self) -> str:
        """The case as text."""
        kind = 'JPEG' if self.compressed else 'raw'
        return f'{self.size[1]}x{self.size[0]} {kind}, {self.outputs} output(s)'


def measure(settings: Settings) -> list[Table]:
    """Measure every case with the free model, then some with the real one."""
    cases = [Case(size, outputs, compressed) for size in CAMERAS
             for compressed in (False, True) for outputs in (1, 3)]
    if settings.quick:
        cases = [Case(CAMERAS[0], 3, compressed=False)]
    real = [case for case in cases if case.outputs == 3 or case.size == CAMERAS[1]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        free = write_pass_through(settings.model, folder).path
        return [_own_table(cases, free, settings, folder),
                _real_table(real, settings, folder)]


def _own_table(cases: list[Case], free: Path, settings: Settings, folder: Path) -> Table:
    rows = []
    for case in cases:
        node, echo, cpu = _against_echo(case, free, 2.0 if settings.quick else SECONDS, folder)
        rows.append((case.words, *_times(node.age), *_times(echo.age),
                     f'{np.median(node.age) / np.median(echo.age):.2f}',
                     f'{cpu["node"]:.1f}', f'{cpu["echo"]:.1f}',
                     f'{cpu["node"] / cpu["echo"]:.2f}'))
    return Table(
        "The node's own time, engine taken out",
        ('camera', 'node p50 ms', 'p99', 'echo p50 ms', 'p99', 'ratio', 'node CPU ms/frame',
         'echo CPU', 'ratio'), tuple(rows),
        'From the stamp of a frame to the arrival of its last output in another process; the node '
        'with a model that costs nothing, a bare rclpy node that sends blank messages of the same '
        'size and decodes a JPEG, one camera that serves the two in turn. What ours does beyond '
        'the floor: bring the frame to the size of the network, check the answer, bring label and '
        'score to the size of the camera, compare with the threshold. Asked with three outputs: '
        'at most 1.5.')


def _against_echo(
    case: Case, free: Path, seconds: float, folder: Path
) -> tuple[Received, Received, dict[str, float]]:
    size = [str(n) for n in case.size]
    jpeg = ['--compressed'] if case.compressed else []
    log = folder / 'reader.csv'
    log.unlink(missing_ok=True)
    topics = [topic for topic, *_ in OUTPUTS[:case.outputs]]
    commands = {
        'node': node_command(
            free, threads=1, remaps={'image': '/a/image'},
            image_transport='compressed' if case.compressed else 'raw'),
        'echo': module_command(
            'echo_node', '--size', *size, '--outputs', str(case.outputs), *jpeg, '--ros-args',
            '-r', f'image:=/b/image{"/compressed" if case.compressed else ""}'),
        'reader': module_command(
            'reader', *(f'/perception/{topic}' for topic in topics),
            *(f'/echo/{topic}' for topic in topics), '--log', str(log)),
        'camera': module_command(
            'camera', *(f'/{n}/image{"/compressed" if case.compressed else ""}' for n in 'ab'),
            '--size', *size, '--rate', str(RATE), '--seconds', str(seconds), *jpeg),
    }
    with running(commands, environment(), folder) as processes:
        used = {name: _cpu_before_frames(processes[name], log) for name in ('node', 'echo')}
        sent = [int(n) for n in processes['camera'].wait(seconds + 60).split()]
        cpu = {name: 1000 * (processes[name].usage().cpu - used[name]) / count
               for name, count in zip(('node', 'echo'), sent, strict=True)}
    received = read_log(log)
    node, echo = (_last_of_frames(received, range(start, start + case.outputs))
                  for start in (0, case.outputs))
    return node, echo, cpu


def _cpu_before_frames(process: Process, log: Path) -> float:
    # Until the first output came nothing but starting was paid for.
    import time

    end = time.monotonic() + 60
    while not log.is_file() or not log.stat().st_size:
        if time.monotonic() > end:
            raise RuntimeError(f'no output within a minute: {process.output}')
        time.sleep(0.01)
    return process.usage().cpu


def _last_of_frames(received: Received, topics: range) -> Received:
    """Return for each frame, told by its stamp, the last output that came."""
    mine = received.of(*topics)
    stamps = np.round((mine.received - mine.age) * 1e4).astype(np.int64)
    _, last = np.unique(stamps[::-1], return_index=True)
    chosen = len(mine) - 1 - last
    return Received(mine.topic[chosen], mine.received[chosen], mine.age[chosen])


def _real_table(cases: list[Case], settings: Settings, folder: Path) -> Table:
    threads = settings.threads[-1]
    rows = []
    for case in cases:
        ages = _with_model(case, settings, threads, folder)
        rows.append((case.words, str(len(ages.age)), *_times(ages.age)))
    return Table(
        'From the camera to the reader, with the model',
        ('camera', 'frames', 'p50 ms', 'p99 ms'), tuple(rows),
        f'Three processes over DDS, {threads} thread(s) for the engine, frames far enough apart '
        'that none waits. The engine alone is in the first section.')


def _with_model(case: Case, settings: Settings, threads: int, folder: Path) -> Received:
    jpeg = ['--compressed'] if case.compressed else []
    log = folder / 'reader.csv'
    log.unlink(missing_ok=True)
    seconds = 2.0 if settings.quick else REAL_SECONDS
    commands = {
        'node': node_command(
            settings.model, threads=threads, remaps={'image': '/a/image'},
            image_transport='compressed' if case.compressed else 'raw'),
        'reader': module_command(
            'reader', *(f'/perception/{topic}' for topic, *_ in OUTPUTS[:case.outputs]),
            '--log', str(log)),
        'camera': module_command(
            'camera', f'/a/image{"/compressed" if case.compressed else ""}', '--size',
            *(str(n) for n in case.size), '--rate', str(REAL_RATE), '--seconds', str(seconds),
            *jpeg),
    }
    with running(commands, environment(), folder) as processes:
        processes['camera'].wait(seconds + 60)
    return _last_of_frames(read_log(log), range(case.outputs))


def _times(ages: np.ndarray) -> tuple[str, str]:
    if not len(ages):
        return 'none came', ''
    median, p99 = 1000 * np.percentile(ages, (50, 99))
    return f'{median:.1f}', f'{p99:.1f}'
