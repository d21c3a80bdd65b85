# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the shared-memory profile is for: raw images between two processes, setting by setting."""

from __future__ import annotations

from pathlib import Path
import tempfile

import numpy as np

from benchmark.dds.processes import (
    PROFILE,
    Received,
    environment,
    module_command,
    read_log,
    running,
)
from benchmark.table import Settings, Table

SIZES = ((720, 1280), (1080, 1920))
RATE = 30.0
SECONDS = 3.0
WAYS = {
    'default': {PROFILE: ''},
    '`FASTDDS_BUILTIN_TRANSPORTS=LARGE_DATA`': {
        PROFILE: '', 'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA'},
    '`config/fastdds_shm.xml`': {},
}


def measure(settings: Settings) -> list[Table]:
    """Send a second or three of camera images each way."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for size in SIZES[:1] if settings.quick else SIZES:
            for reliable in (False, True):
                for way, variables in WAYS.items():
                    sent, received = _send(size, variables, Path(name), reliable=reliable,
                                           seconds=1.0 if settings.quick else SECONDS)
                    rows.append((f'{size[1]}x{size[0]}', 'reliable' if reliable
                                 else 'best effort', way, f'{len(received)} of {sent}',
                                 *_times(received)))
    return [Table(
        'Images that arrive', ('image', 'QoS', 'setting', 'arrived', 'p50 ms', 'p99 ms'),
        tuple(rows), f'rgb8 at {RATE:.0f} Hz between two processes of rclpy, depth 1 at the '
        'camera. docs/transport.md says what follows.')]


def _send(
    size: tuple[int, int], variables: dict[str, str], folder: Path, *, reliable: bool,
    seconds: float,
) -> tuple[int, Received]:
    log = folder / 'reader.csv'
    log.unlink(missing_ok=True)
    changed = {name: value for name, value in environment(**variables).items() if value}
    commands = {
        'reader': module_command('reader', '/image', '--log', str(log),
                                 *([] if reliable else ['--best-effort'])),
        'camera': module_command(
            'camera', '/image', '--size', *(str(n) for n in size), '--rate', str(RATE),
            '--seconds', str(seconds), *(['--reliable'] if reliable else [])),
    }
    with running(commands, changed, folder) as processes:
        sent = int(processes['camera'].wait(seconds + 60).split()[-1])
    return sent, read_log(log)


def _times(received: Received) -> tuple[str, str]:
    if not len(received):
        return '', ''
    median, p99 = 1000 * np.percentile(received.age, (50, 99))
    return f'{median:.1f}', f'{p99:.1f}'
