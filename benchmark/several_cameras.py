# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One, two and four cameras: one process with one loaded model, or a process for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
SECONDS = 12.0
COUNTS = (1, 2, 4)
SHARED, APART, NARROW = 'shared', 'apart', 'apart, 1 thread each'
AS_MANY, AS_OLD = 0.03, 0.1
"""Shares by which throughput and p99 may differ and still count as equal."""


@dataclass(frozen=True)
class Case:
    """What came of one number of cameras in one way.

    Attributes:
        cameras: how many.
        way: SHARED, APART or NARROW.
        rate: labels a second in all.
        least: labels of the camera that got the fewest.
        most: labels of the one that got the most.
        median: age of a label when it came, ms.
        p99: the same, 99th percentile.
        resident: MB of all node processes.
    """

    cameras: int
    way: str
    rate: float
    least: int
    most: int
    median: float
    p99: float
    resident: float

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        return (str(self.cameras), self.way, f'{self.rate:.1f}', f'{self.least}, {self.most}',
                f'{self.median:.0f}', f'{self.p99:.0f}', f'{self.resident:.0f}')


def measure(settings: Settings) -> list[Table]:
    """Run every number of cameras in every way."""
    cases = []
    with tempfile.TemporaryDirectory() as name:
        for count in COUNTS[:2] if settings.quick else COUNTS:
            for way in ways(count, settings.threads[-1]):
                cases.append(_case(count, settings, Path(name), way))
    return [Table(
        'Several cameras',
        ('cameras', 'way', 'labels/s in all', 'of each: least, most', 'age p50 ms', 'p99 ms',
         'resident MB'), tuple(case.row() for case in cases),
        f'1280x720 raw at {RATE:.0f} Hz each, {settings.threads[-1]} thread(s) for each engine. '
        'Shared: `perception_node --cameras ...`, fair turns; apart: a node process each. '
        f'`multi_camera.launch.py` starts the first unless told otherwise. {verdict(cases)}')]


def ways(count: int, threads: int) -> tuple[str, ...]:
    """Return the ways that differ for so many cameras and threads."""
    return (SHARED, APART, NARROW) if count > 1 and threads > 1 else (SHARED, APART)


def verdict(cases: Sequence[Case]) -> str:
    """Say which way is the better one for each number of cameras above one.

    The lower p99 of the age wins, since the unknown must be known while it still matters; where
    they are equal within some percent, more labels a second, then the least memory. A way in which
    a camera gets less than half of what another gets loses.
    """
    words = []
    for count in sorted({case.cameras for case in cases} - {1}):
        best = better([case for case in cases if case.cameras == count])
        words.append(f'{count} cameras: **{best.way}**')
    return ('By p99, then throughput, then memory, if no camera is starved: '
            f'{"; ".join(words)}.') if words else ''


def better(cases: Sequence[Case]) -> Case:
    """Return the best of the ways for one number of cameras."""
    fair = [case for case in cases if 2 * case.least >= case.most] or list(cases)
    youngest = min(case.p99 for case in fair)
    young = [case for case in fair if case.p99 <= (1 + AS_OLD) * youngest]
    most = max(case.rate for case in young)
    fast = [case for case in young if case.rate >= (1 - AS_MANY) * most]
    return min(fast, key=lambda case: case.resident)


def _case(count: int, settings: Settings, folder: Path, way: str) -> Case:
    names = [f'/camera{number}' for number in range(count)]
    seconds = 3.0 if settings.quick else SECONDS
    log = folder / 'reader.csv'
    log.unlink(missing_ok=True)
    nodes = _nodes(names, settings, way)
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
    return Case(count, way, len(received) / span, min(each), max(each), median, p99, resident)


def _nodes(names: Sequence[str], settings: Settings, way: str) -> dict[str, list[str]]:
    threads = 1 if way == NARROW else settings.threads[-1]
    if way == SHARED:
        return {'shared': node_command(settings.model, threads=threads, cameras=names)}
    return {name.strip('/'): node_command(
        settings.model, threads=threads, remaps={'__ns': name}) for name in names}
