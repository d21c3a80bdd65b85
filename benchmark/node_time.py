# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node's own part of a frame's time, against the floor of any rclpy node.

The node runs a model that costs nothing, beside a bare node that sends as many bytes; one camera
sends its frames to the two in turn.
"""

from __future__ import annotations

from pathlib import Path
import tempfile
import time

import numpy as np

from benchmark.dds.cases import Case, cases, last_of_frames, median_and_p99
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
from benchmark.table import Bar, Settings, Table

RATE = 20.0
SECONDS = 5.0


def measure(settings: Settings) -> list[Table]:
    """Measure every case with the free model."""
    rows, bars = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        free = write_pass_through(settings.model, folder).path
        for case in cases(settings):
            node, echo, cpu = _against_echo(case, free, 2.0 if settings.quick else SECONDS, folder)
            ratio = float(np.median(node.age) / np.median(echo.age))
            if case.outputs == 3:
                bars.append(Bar(f"{case.words}: the node's own time, to the echo",
                                round(ratio, 2), 1.5))
            rows.append((case.words, *median_and_p99(node.age), *median_and_p99(echo.age),
                         f'{ratio:.2f}',
                         f'{cpu["node"]:.1f}', f'{cpu["echo"]:.1f}',
                         f'{cpu["node"] / cpu["echo"]:.2f}'))
    return [Table(
        "The node's own time, engine taken out",
        ('camera', 'node p50 ms', 'p99', 'echo p50 ms', 'p99', 'ratio', 'node CPU ms/frame',
         'echo CPU', 'ratio'), tuple(rows),
        'From the stamp of a frame to the arrival of its last output in another process; the node '
        'with a model that costs nothing, a bare rclpy node that sends blank messages of the same '
        'size and decodes a JPEG, one camera that serves the two in turn. What ours does beyond '
        'the floor: bring the frame to the size of the network, check the answer, bring label and '
        'score to the size of the camera, compare with the threshold.', tuple(bars))]


def _against_echo(
    case: Case, free: Path, seconds: float, folder: Path
) -> tuple[Received, Received, dict[str, float]]:
    size = [str(n) for n in case.size]
    jpeg = ['--compressed'] if case.compressed else []
    log = folder / 'reader.csv'
    log.unlink(missing_ok=True)
    topics = [topic for topic, *_ in OUTPUTS[:case.outputs]]
    commands = {
        'node': node_command(free, threads=1, remaps={'image': '/a/image'},
                             image_transport=case.transport),
        'echo': module_command(
            'echo_node', '--size', *size, '--outputs', str(case.outputs), *jpeg, '--ros-args',
            '-r', f'image:=/b/image{case.suffix}'),
        'reader': module_command(
            'reader', *(f'/perception/{topic}' for topic in topics),
            *(f'/echo/{topic}' for topic in topics), '--log', str(log)),
        'camera': module_command(
            'camera', *(f'/{n}/image{case.suffix}' for n in 'ab'),
            '--size', *size, '--rate', str(RATE), '--seconds', str(seconds), *jpeg),
    }
    with running(commands, environment(), folder) as processes:
        used = {name: _cpu_before_frames(processes[name], log) for name in ('node', 'echo')}
        sent = [int(n) for n in processes['camera'].wait(seconds + 60).split()]
        cpu = {name: 1000 * (processes[name].usage().cpu - used[name]) / count
               for name, count in zip(('node', 'echo'), sent, strict=True)}
    received = read_log(log)
    node, echo = (last_of_frames(received, range(start, start + case.outputs))
                  for start in (0, case.outputs))
    return node, echo, cpu


def _cpu_before_frames(process: Process, log: Path) -> float:
    # Until the first output came nothing but starting was paid for.
    end = time.monotonic() + 60
    while not log.is_file() or not log.stat().st_size:
        if time.monotonic() > end:
            raise RuntimeError(f'no output within a minute: {process.output}')
        time.sleep(0.01)
    return process.usage().cpu
