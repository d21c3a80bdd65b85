# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The memory of a replay, over a long drive and by how many frames are worked on at a time.

Each is read in a process of its own; one that writes a long drive has garbage of its own.
"""

from __future__ import annotations

from itertools import count
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import time

import numpy as np
from numpy.typing import NDArray

from benchmark.replay_drive import ROOT, noise_frames, replayer, write_drive
from benchmark.table import Bar, Table
from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.manifest import load_manifest
from hybrid_perception.replay.frame import RAW_TYPE

GROWTH = 20.0
"""Megabytes between a tenth and the end of the drive that an allocator may still take."""


class InstantBackend:
    """An engine that answers at once, so that all the rest is seen."""

    name = 'instant'
    detail = 'no network'
    concurrent_calls = 1

    def __init__(self, size: tuple[int, int]) -> None:
        self._label = np.zeros(size, np.uint8)
        self._score = np.zeros(size, np.float32)

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Say that everything is of class 0."""
        del image
        return self._label.copy(), self._score.copy()

    def close(self) -> None:
        """Do nothing."""


def resident_bytes() -> int:
    """Return the memory of this process that lies in RAM, bytes."""
    pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return pages * 4096


def peak_bytes() -> int:
    """Return the most memory of this process that has lain in RAM, bytes.

    Not getrusage, which begins with the memory of the process that started this one.
    """
    for line in Path('/proc/self/status').read_text(encoding='ascii').splitlines():
        if line.startswith('VmHWM:'):
            return 1024 * int(line.split()[1])
    raise HybridPerceptionError('/proc/self/status has no VmHWM')


def watch_memory(
    model: str, frames: int, size: tuple[int, int], jobs: int | None
) -> dict[str, float]:
    """Replay generated frames in this process; tell its memory at a tenth and at the end.

    Args:
        model: manifest or folder.
        frames: length of the drive.
        size: (width, height) of the camera.
        jobs: frames at a time; None for an engine that answers at once.
    """
    manifest = load_manifest(model)
    backend: Backend = InstantBackend(manifest.input_size) if jobs is None else create_backend(
        'onnxruntime', manifest, threads=1, calls=jobs)
    seen: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        drive = write_drive(Path(folder) / 'drive', noise_frames(frames, size), RAW_TYPE)

        numbers = count(1)

        def note(_: bool) -> None:
            if next(numbers) in (max(1, frames // 10), frames):
                seen.append(resident_bytes())

        start = time.perf_counter()
        replayer(drive, manifest, backend).run(Path(folder) / 'out.mcap', progress=note)
        seconds = time.perf_counter() - start
    return {'frames': frames, 'seconds': seconds, 'early_mb': seen[0] / 1e6,
            'late_mb': seen[1] / 1e6,
            'peak_mb': peak_bytes() / 1e6}


def measure_memory(
    model: str, frames: int, size: tuple[int, int], jobs: int | None = None
) -> dict[str, float]:
    """Watch the memory in a fresh process, which writing the drive's own garbage is part of."""
    done = subprocess.run(
        [sys.executable, '-m', 'benchmark.replay_memory', model, str(frames), *map(str, size),
         str(jobs or 0)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HybridPerceptionError(f'the memory run failed: {done.stderr[-500:]}')
    return dict(json.loads(done.stdout.splitlines()[-1]))


def memory_table(
    memory: dict[int, float], flat: dict[str, float], size: tuple[int, int]
) -> Table:
    """Tell the memory."""
    return Table(
        'Memory of replay', ('frames at a time', 'peak MB'),
        tuple((str(jobs), f'{peak:.0f}') for jobs, peak in memory.items()),
        f'Raw {size[0]}x{size[1]} frames, Python and its libraries included. Over a drive of '
        f'{flat["frames"]} frames of 64x48, with an engine that answers at once, the memory in '
        f'use went from {flat["early_mb"]:.1f} MB at a tenth to {flat["late_mb"]:.1f} MB at the '
        'end.',
        (Bar('growth of memory over a drive', round(flat['late_mb'] - flat['early_mb'], 1), GROWTH,
             ' MB'),))


def main() -> None:
    """Print the figures of this process; arguments: model, frames, width, height, jobs or 0."""
    model, frames, width, height, jobs = sys.argv[1:]
    print(json.dumps(watch_memory(
        model, int(frames), (int(width), int(height)), int(jobs) or None)))


if __name__ == '__main__':
    main()
