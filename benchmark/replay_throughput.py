# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How much of the bare engine's throughput replay keeps, and whether its memory stays flat.

The drive is the bundled clip scaled to the camera's size, as JPEG messages in a bag. Engine and
replays take turns, and the figure is the median of the ratios of neighbouring turns: other load
on the machine then hits both alike. The frames in which the pipeline fills and empties are not
counted; a long drive has neither. Memory is read in processes of their own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
import statistics
import sys
import tempfile
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.replay_drive import ROOT, clip_frames, parse_size, replayer, write_drive
from benchmark.replay_memory import GROWTH, measure_memory, memory_table
from benchmark.table import Bar, Settings, Table
from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.cores import usable_cores
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.replay.frame import COMPRESSED_TYPE

RATIO = 0.95
FILL = 5
"""Frames at either end of a replay that are not timed."""

MEMORY_JOBS = (1, 2, 4)
"""Frames at a time of the replays whose memory is compared."""


@dataclass(frozen=True)
class Way:
    """A way to use the cores: frames at a time, and threads of the engine on each."""

    jobs: int
    threads: int

    @property
    def name(self) -> str:
        """Name it as the tool's arguments do."""
        return f'replay --jobs {self.jobs} --threads {self.threads}'


def replay_seconds(drive: Path, manifest: Manifest, backend: Backend) -> float:
    """Replay a drive; return the seconds per frame of its steady part."""
    moments: list[float] = []
    with tempfile.TemporaryDirectory(dir=drive.parent) as folder:
        replayer(drive, manifest, backend).run(
            Path(folder) / 'out.mcap', progress=lambda _: moments.append(time.perf_counter()))
    return (moments[-1 - FILL] - moments[FILL - 1]) / (len(moments) - 2 * FILL)


def engine_seconds(backend: Backend, image: NDArray[np.uint8], frames: int) -> float:
    """Run the bare engine; return its seconds per frame."""
    start = time.perf_counter()
    for _ in range(frames):
        backend.infer(image)
    return (time.perf_counter() - start) / frames


def measure_throughput(
    manifest: Manifest, threads: int, ways: Sequence[Way], size: tuple[int, int], frames: int,
    rounds: int,
) -> dict[str, object]:
    """Let the bare engine and replays take turns.

    Args:
        manifest: the model.
        threads: those of the bare engine, which takes one frame after the other.
        ways: the replays.
        size: (width, height) of the camera.
        frames: frames per turn that are timed.
        rounds: turns of each replay.
    """
    bare = create_backend('onnxruntime', manifest, threads=threads)
    backends = {way: create_backend('onnxruntime', manifest, threads=way.threads, calls=way.jobs)
                for way in ways}
    image = np.random.default_rng(0).integers(0, 256, (1, *manifest.input_size, 3), np.uint8)
    engine: list[float] = []
    replays: dict[Way, list[float]] = {way: [] for way in ways}
    ratios: dict[Way, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        drive = write_drive(
            Path(folder) / 'drive', clip_frames(frames + 2 * FILL, size), COMPRESSED_TYPE)
        engine_seconds(bare, image, 3)
        before = engine_seconds(bare, image, frames)
        for _ in range(rounds):
            for way, backend in backends.items():
                replays[way].append(replay_seconds(drive, manifest, backend))
                engine.append(engine_seconds(bare, image, frames))
                # The engine's turns on either side of the replay, against slow drift.
                ratios[way].append((before + engine[-1]) / 2 / replays[way][-1])
                before = engine[-1]
    return {
        'engine': bare.detail.partition(';')[0], 'frames': frames, 'rounds': rounds,
        'engine_ms': 1000 * statistics.median(engine),
        'replays': [{
            'name': way.name, 'ms': 1000 * statistics.median(replays[way]),
            'ratio': statistics.median(ratios[way]), 'ratios': ratios[way]} for way in ways],
    }


def measure(settings: Settings) -> list[Table]:
    """Measure with the engine on all cores, as the node has it."""
    manifest, cores, model = load_manifest(settings.model), settings.threads[-1], settings.model
    size, frames = ((96, 48), 4) if settings.quick else ((1280, 720), 60)
    ways = tuple(dict.fromkeys((Way(cores, 1), Way(1, cores))))
    throughput = measure_throughput(
        manifest, cores, ways, size, frames, 2 if settings.quick else 5)
    memory = {jobs: measure_memory(str(model), 2 if settings.quick else 24, size, jobs)['peak_mb']
              for jobs in MEMORY_JOBS}
    flat = measure_memory(str(model), 200 if settings.quick else 10_000, (64, 48))
    return [throughput_table(throughput, size), memory_table(memory, flat, size)]


def throughput_table(throughput: dict[str, Any], size: tuple[int, int]) -> Table:
    """Tell the throughput."""
    rows = [(f'engine alone, {throughput["engine"]}', f'{throughput["engine_ms"]:.1f}', '')]
    rows += [(replay['name'], f'{replay["ms"]:.1f}', f'{100 * replay["ratio"]:.1f}')
             for replay in throughput['replays']]
    return Table(
        'Throughput of replay', ('', 'ms per frame', "% of the engine's throughput"),
        tuple(rows),
        f'{size[0]}x{size[1]} JPEG in, four outputs written; {throughput["rounds"]} rounds of '
        f'{throughput["frames"]} frames, the engine before and after each replay. The first '
        'replay is what the tool does by itself.',
        (Bar('throughput of replay, of the engine alone',
             round(100 * throughput['replays'][0]['ratio'], 1), 100 * RATIO, ' %',
             at_least=True),))


def main() -> int:
    """Measure and print; return 0, or 1 if something cannot be used or a bar is missed."""
    args = _parser().parse_args()
    try:
        way = Way(args.jobs or (usable_cores() if args.threads is None else 1), args.threads or 1)
        figures: dict[str, Any] = {'throughput': measure_throughput(
            load_manifest(args.model), args.threads or usable_cores(), [way], args.camera,
            args.frames, args.rounds)}
        if args.memory_frames:
            figures['memory'] = measure_memory(args.model, args.memory_frames, args.small)
    except HybridPerceptionError as error:
        print(f'replay_throughput: {error}', file=sys.stderr)
        return 1
    return report(figures, args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python3 -m benchmark.replay_throughput', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python3 -m benchmark.replay_throughput --threads 1')
    parser.add_argument(
        '--model', default=str(ROOT / 'models'), help='manifest or folder (models/)')
    parser.add_argument('--threads', type=int, metavar='N', help='as of the tool; those of the '
                        'bare engine too, which has all cores without it')
    parser.add_argument('--jobs', type=int, metavar='N', help='as of the tool')
    parser.add_argument('--camera', type=parse_size, default=(1280, 720), metavar='WxH',
                        help='camera size (1280x720)')
    parser.add_argument('--frames', type=int, default=60, help='frames per turn (60)')
    parser.add_argument('--rounds', type=int, default=5, help='turns of each (5)')
    parser.add_argument('--memory-frames', type=int, default=10_000, metavar='N',
                        help='frames of the memory run (10000); 0: none')
    parser.add_argument('--small', type=parse_size, default=(64, 48), metavar='WxH',
                        help='camera size of the memory run (64x48)')
    parser.add_argument('--check', action='store_true',
                        help=f'end with 1 below {100 * RATIO:.0f} %% of the engine, or where '
                        f'memory grows by more than {GROWTH:.0f} MB')
    parser.add_argument('--json', type=Path, help='also write the figures there')
    return parser


def report(figures: dict[str, Any], args: argparse.Namespace) -> int:
    """Print the figures; return 1 if a bar is to be kept and is not."""
    growth, throughput = 0.0, figures['throughput']
    [replay] = throughput['replays']
    width, height = args.camera
    print(f'{throughput["engine"]}, camera {width}x{height} JPEG, {throughput["rounds"]} rounds '
          f'of {throughput["frames"]} frames')
    print(f'engine alone  {throughput["engine_ms"]:8.1f} ms per frame')
    print(f'replay        {replay["ms"]:8.1f} ms per frame, written out ({replay["name"]})')
    print(f'replay keeps  {100 * replay["ratio"]:8.1f} % of the throughput (median; '
          f'{", ".join(f"{100 * ratio:.1f}" for ratio in replay["ratios"])})')
    if 'memory' in figures:
        memory = figures['memory']
        growth = memory['late_mb'] - memory['early_mb']
        print(f'memory        {memory["early_mb"]:8.1f} MB after {memory["frames"] // 10} frames, '
              f'{memory["late_mb"]:.1f} MB after {memory["frames"]} '
              f'({memory["frames"] / memory["seconds"]:.0f} frames/s)')
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
    return int(args.check and (replay['ratio'] < RATIO or growth > GROWTH))


if __name__ == '__main__':
    sys.exit(main())
