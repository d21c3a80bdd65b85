# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How much of the bare engine's throughput replay keeps, and whether its memory stays flat.

The drive is the bundled clip scaled to the camera's size, as JPEG messages in a bag. Engine and
replay take turns, and the figure is the median of the ratios of neighbouring turns: other load
on the machine then hits both alike. The first frames of a replay, in which the pipeline fills, are
not counted; a long drive has no start. Memory is read in a process of its own, with an engine that
answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import count
import json
from pathlib import Path
import statistics
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.backends.shared import SharedBackends
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.replay.folder_source import pictures_of
from hybrid_perception.replay.frame import (
    COMPRESSED_TYPE,
    RAW_TYPE,
    CompressedPicture,
    Frame,
    RawPicture,
    Stamp,
)
from hybrid_perception.replay.message import input_message
from hybrid_perception.replay.output_bag import MessageWriter, OutputBag
from hybrid_perception.replay.replayer import Replayer
from hybrid_perception.replay.source import open_source
from hybrid_perception.scene import LABELS, Style
from hybrid_perception.segmentation import Segmenter

ROOT = Path(__file__).resolve().parents[1]
TOPIC = '/camera/image_raw'
PERIOD = 100_000_000
RATIO = 0.95
GROWTH = 20.0
"""Megabytes between a tenth and the end of the drive that an allocator may still take."""

FILL = 5
"""Frames at the beginning of a replay that are not timed."""


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


def write_drive(folder: Path, frames: Iterator[Frame], type_: str) -> Path:
    """Write a bag of one camera."""
    bag = OutputBag(folder, {TOPIC: type_}, compress=False)
    for frame in frames:
        bag.write(input_message(frame))
    bag.close()
    return folder


def clip_frames(frames: int, size: tuple[int, int]) -> Iterator[Frame]:
    """Make JPEG frames of (width, height) from the bundled clip, over and over."""
    pictures = pictures_of(ROOT / 'demo' / 'clip' / 'images')
    for number in range(frames):
        picture = cv2.resize(cv2.imread(str(pictures[number % len(pictures)])), size)
        content = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        yield Frame(number, TOPIC, number * PERIOD, Stamp.from_nanoseconds(number * PERIOD),
                    'camera', CompressedPicture(content, 'jpeg'))


def noise_frames(frames: int, size: tuple[int, int]) -> Iterator[Frame]:
    """Make raw frames of (width, height)."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8).tobytes()
    for number in range(frames):
        yield Frame(number, TOPIC, number * PERIOD, Stamp.from_nanoseconds(number * PERIOD),
                    'camera', RawPicture(noise, height, width, 'rgb8', 3 * width))


def replayer(drive: Path, manifest: Manifest, backend: Backend, segmenters: int = 2) -> Replayer:
    """Put a replay together as the tool does."""
    source, shared = open_source(drive), SharedBackends()
    leases = [shared.open(manifest.sha256, lambda: backend) for _ in range(segmenters)]
    return Replayer(
        source, [Segmenter(manifest, lease) for lease in leases],
        MessageWriter(source.topics, LABELS, with_input=False), class_map=manifest.class_map,
        style=Style(manifest.threshold(None), 0.5, -5.0, 5.0), settings={})


def replay_seconds(drive: Path, manifest: Manifest, backend: Backend, segmenters: int) -> float:
    """Replay a drive; return the seconds per frame of its steady part."""
    moments: list[float] = []
    with tempfile.TemporaryDirectory(dir=drive.parent) as folder:
        replayer(drive, manifest, backend, segmenters).run(
            Path(folder) / 'out.mcap', progress=lambda _: moments.append(time.perf_counter()))
    return (moments[-1] - moments[FILL - 1]) / (len(moments) - FILL)


def engine_seconds(backend: Backend, image: NDArray[np.uint8], frames: int) -> float:
    """Run the bare engine; return its seconds per frame."""
    start = time.perf_counter()
    for _ in range(frames):
        backend.infer(image)
    return (time.perf_counter() - start) / frames


def measure_throughput(
    manifest: Manifest, threads: int | None, size: tuple[int, int], frames: int, rounds: int,
    segmenters: int,
) -> dict[str, object]:
    """Let engine and replay take turns.

    Args:
        manifest: the model.
        threads: those of the engine, in both; None for its own choice.
        size: (width, height) of the camera.
        frames: frames per turn that are timed.
        rounds: pairs of turns.
        segmenters: frames that replay segments at a time.
    """
    backend = create_backend('onnxruntime', manifest, threads=threads)
    image = np.random.default_rng(0).integers(0, 256, (1, *manifest.input_size, 3), np.uint8)
    ratios, engine, replay = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        drive = write_drive(
            Path(folder) / 'drive', clip_frames(frames + FILL, size), COMPRESSED_TYPE)
        engine_seconds(backend, image, 3)
        before = engine_seconds(backend, image, frames)
        for _ in range(rounds):
            replayed = replay_seconds(drive, manifest, backend, segmenters)
            after = engine_seconds(backend, image, frames)
            # The engine's turns on either side of the replay, against slow drift.
            ratios.append((before + after) / 2 / replayed)
            engine.append(after)
            replay.append(replayed)
            before = after
    backend.close()
    return {
        'engine': backend.detail.partition(';')[0], 'frames': frames, 'rounds': rounds,
        'engine_ms': 1000 * statistics.median(engine),
        'replay_ms': 1000 * statistics.median(replay),
        'ratio': statistics.median(ratios), 'ratios': ratios,
    }


def resident_bytes() -> int:
    """Return the memory of this process that lies in RAM, bytes."""
    pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return pages * 4096


def watch_memory(model: str, frames: int, size: tuple[int, int]) -> None:
    """Replay generated frames in this process and print its memory at a tenth and at the end."""
    manifest = load_manifest(model)
    seen: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        drive = write_drive(Path(folder) / 'drive', noise_frames(frames, size), RAW_TYPE)

        numbers = count(1)

        def note(_: bool) -> None:
            if next(numbers) in (frames // 10, frames):
                seen.append(resident_bytes())

        start = time.perf_counter()
        replayer(drive, manifest, InstantBackend(manifest.input_size)).run(
            Path(folder) / 'out.mcap', progress=note)
        seconds = time.perf_counter() - start
    print(json.dumps({'frames': frames, 'seconds': seconds, 'early_mb': seen[0] / 1e6,
                      'late_mb': seen[1] / 1e6}))


def measure_memory(model: str, frames: int, size: tuple[int, int]) -> dict[str, object]:
    """Watch the memory in a fresh process, which writing the drive's own garbage is part of."""
    done = subprocess.run(
        [sys.executable, __file__, '--model', model, '--watch-memory', str(frames), '--small',
         f'{size[0]}x{size[1]}'], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HybridPerceptionError(f'the memory run failed: {done.stderr[-500:]}')
    return dict(json.loads(done.stdout.splitlines()[-1]))


def parse_size(text: str) -> tuple[int, int]:
    """Read WxH."""
    width, height = (int(part) for part in text.split('x'))
    return width, height


def main() -> int:
    """Measure and print; return 0, or 1 if something cannot be used or a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python3 benchmark/replay_throughput.py --threads 1')
    parser.add_argument(
        '--model', default=str(ROOT / 'models'), help='manifest or folder (models/)')
    parser.add_argument('--threads', type=int, help='CPU threads of the engine (its own choice)')
    parser.add_argument('--camera', type=parse_size, default=(1280, 720), metavar='WxH',
                        help='camera size (1280x720)')
    parser.add_argument('--frames', type=int, default=60, help='frames per turn (60)')
    parser.add_argument('--rounds', type=int, default=5, help='turns of each (5)')
    parser.add_argument('--segmenters', type=int, default=2, metavar='N',
                        help='frames that replay segments at a time (2, as the tool does)')
    parser.add_argument('--memory-frames', type=int, default=10_000, metavar='N',
                        help='frames of the memory run (10000); 0: none')
    parser.add_argument('--small', type=parse_size, default=(64, 48), metavar='WxH',
                        help='camera size of the memory run (64x48)')
    parser.add_argument('--check', action='store_true',
                        help=f'end with 1 below {100 * RATIO:.0f} %% of the engine, or where '
                        f'memory grows by more than {GROWTH:.0f} MB')
    parser.add_argument('--json', type=Path, help='also write the figures there')
    parser.add_argument('--watch-memory', type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        if args.watch_memory:
            watch_memory(args.model, args.watch_memory, args.small)
            return 0
        figures: dict[str, object] = {'throughput': measure_throughput(
            load_manifest(args.model), args.threads, args.camera, args.frames, args.rounds,
            args.segmenters)}
        if args.memory_frames:
            figures['memory'] = measure_memory(args.model, args.memory_frames, args.small)
    except HybridPerceptionError as error:
        print(f'replay_throughput: {error}', file=sys.stderr)
        return 1
    return report(figures, args)


def report(figures: dict[str, object], args: argparse.Namespace) -> int:
    """Print the figures; return 1 if a bar is to be kept and is not."""
    growth = 0.0
    throughput = dict(figures['throughput'])   # type: ignore[call-overload]
    width, height = args.camera
    print(f'{throughput["engine"]}, camera {width}x{height} JPEG, {throughput["rounds"]} rounds '
          f'of {throughput["frames"]} frames')
    print(f'engine alone  {throughput["engine_ms"]:8.1f} ms per frame')
    print(f'replay        {throughput["replay_ms"]:8.1f} ms per frame, written out')
    print(f'replay keeps  {100 * throughput["ratio"]:8.1f} % of the throughput (median; '
          f'{", ".join(f"{100 * ratio:.1f}" for ratio in throughput["ratios"])})')
    if 'memory' in figures:
        memory = dict(figures['memory'])   # type: ignore[call-overload]
        growth = memory['late_mb'] - memory['early_mb']
        print(f'memory        {memory["early_mb"]:8.1f} MB after {memory["frames"] // 10} frames, '
              f'{memory["late_mb"]:.1f} MB after {memory["frames"]} '
              f'({memory["frames"] / memory["seconds"]:.0f} frames/s)')
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
    return int(args.check and (throughput['ratio'] < RATIO or growth > GROWTH))


if __name__ == '__main__':
    sys.exit(main())
