# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One, two and four cameras: one process with one loaded model, or a process for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import tempfile

import numpy as np

from benchmark.dds.processes import (
    environment,
    module_command,
    node_command,
    read_log,
    running,
    wait_for_lines,
)
from benchmark.table import Settings, Table

SIZE = (720, 1280)
RATE = 15.0
SECONDS = 15.0
COUNTS = (1, 2, 4)


def measure(settings: Settings) -> list[Table]:
    """Run every number of cameras both ways."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for count in COUNTS[:2] if settings.quick else COUNTS:
            for shared in (True, False):
                rows.append(_row(count, settings, Path(name), shared=shared))
    return [Table(
        'Several cameras',
        ('cameras', 'way', 'labels/s in all', 'of each: least, most', 'age p50 ms', 'p99 ms',
         'resident MB'), tuple(rows),
        f'1280x720 raw at {RATE:.0f} Hz each, {settings.threads[-1]} thread(s) for each engine. '
        'Shared: `perception_node --cameras ...`, fair turns; apart: a node process each. '
        '`multi_camera.launch.py` starts the first unless told otherwise.')]


def _row(count: int, settings: Settings, folder: Path, *, shared: bool) -> tuple[str, ...]:
    names = [f'/camera{number}' for number in range(count)]
    seconds = 3.0 if settings.quick else SECONDS
    log = folder / 'reader.csv'
    log.unlink(missing_ok=True)
    nodes = _nodes(names, settings, shared=shared)
    commands = {
        **nodes,
        'reader': module_command(
            'reader', *(f'{name}/perception/label' for name in names), '--log', str(log)),
        'camera': module_command(
            'camera', *(f'{name}/image' for name in names), '--size', *(str(n) for n in SIZE),
            '--rate', str(RATE), '--seconds', str(seconds), '--all'),
    }
    with running(commands, environment(), folder) as processes:
        wait_for_lines(log, 1, next(iter(processes.values())))
        processes['camera'].wait(seconds + 60)
        resident = sum(processes[name].usage().resident for name in nodes)
    received = read_log(log)
    each = [len(received.of(number)) for number in range(count)]
    span = received.received[-1] - received.received[0]
    median, p99 = 1000 * np.percentile(received.age, (50, 99))
    return (str(count), 'shared' if shared else 'apart', f'{len(received) / span:.1f}',
            f'{min(each)}, {max(each)}', f'{median:.0f}', f'{p99:.0f}', f'{resident:.0f}')


def _nodes(
    names: Sequence[str], settings: Settings, *, shared: bool
) -> dict[str, list[str]]:
    threads = settings.threads[-1]
    if shared:
        return {'shared': node_command(settings.model, threads=threads, cameras=names)}
    return {name.strip('/'): node_command(
        settings.model, threads=threads, remaps={'__ns': name}) for name in names}
