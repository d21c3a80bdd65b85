# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From the bare engine to a reader in another process: every level in one run, frame by frame.

One camera serves three in turn: our node with the model, a bare rclpy node that sends as many
bytes, and a process that runs the bare engine and the core by turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
import tempfile

import numpy as np

from benchmark.dds.cases import Case, cases, last_of_frames
from benchmark.dds.echo_node import OUTPUTS
from benchmark.dds.engine_node import TOPICS
from benchmark.dds.processes import (
    environment,
    module_command,
    node_command,
    read_log,
    read_times,
    running,
)
from benchmark.interleaved import noise, take_turns
from benchmark.table import NotMeasured, Settings, Table
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.manifest import load_manifest

FRAMES = 30
"""For each of the three that the camera serves."""
WARM_UP = 2
"""Left out of each level: the middleware's memory is then touched for the first time."""
ENGINE_TIMES = 2.0
"""From frame to frame, so that no level waits for another, whatever the machine."""
LEAST_SECONDS = 0.25
LEVELS = ('engine', 'core', 'node', 'reader', 'echo')
TURNS = LEVELS[:2]
"""These share the frames of one process."""

Levels = Mapping[str, Sequence[float]]


def measure(settings: Settings) -> list[Table]:
    """Measure every case with the model."""
    threads = settings.threads[-1]
    period = max(LEAST_SECONDS, ENGINE_TIMES * _engine_seconds(settings, threads))
    with tempfile.TemporaryDirectory() as name:
        rows = [(case.words, *cells(_measure(case, settings, threads, period, Path(name))))
                for case in cases(settings)]
    return [Table(
        'Every level in one run',
        ('camera', 'engine ms', 'core ms', 'to the engine', 'node ms', 'to the engine',
         'reader ms', 'most', 'to the engine', 'echo ms'),
        tuple(rows),
        f'Medians of about {3 if settings.quick else FRAMES} frames for each (half of that for '
        f'engine and core), {threads} thread(s) for the engine, a frame every '
        f'{1000 * period:.0f} ms, so that none waits. Node: from taking a frame to its last '
        'publication, all within one process. Reader: from the stamp of a frame to the arrival of '
        'its last output in a third process. Echo: the same for a bare rclpy node that sends '
        'blank messages of the same size and decodes a JPEG. Ratios here are of medians and move '
        'by some per cent from run to run; the core is measured with less noise above, and what '
        'the node costs beside the engine below, without one.')]


def cells(levels: Levels) -> tuple[str, ...]:
    """Return the cells of a row from the times of each level, ms.

    Raises:
        NotMeasured: nothing came of a level.
    """
    missing = [level for level in LEVELS if not len(levels[level])]
    if missing:
        raise NotMeasured(f'no times came from: {", ".join(missing)}')
    median = {level: float(np.median(levels[level])) for level in LEVELS}
    to_engine = {level: f'{median[level] / median["engine"]:.3f}' for level in LEVELS}
    return (f'{median["engine"]:.1f}', f'{median["core"]:.1f}', to_engine['core'],
            f'{median["node"]:.1f}', to_engine['node'], f'{median["reader"]:.1f}',
            f'{max(levels["reader"]):.1f}', to_engine['reader'], f'{median["echo"]:.1f}')


def _engine_seconds(settings: Settings, threads: int) -> float:
    manifest = load_manifest(settings.model)
    engine = OnnxRuntimeBackend(manifest, threads=threads)
    image = noise((1, *manifest.input_size, 3))
    return float(np.median(take_turns({'engine': lambda: engine.infer(image)}, 5)['engine']))


def _measure(
    case: Case, settings: Settings, threads: int, period: float, folder: Path
) -> Levels:
    """Return the times of each level, ms."""
    size, jpeg = [str(n) for n in case.size], ['--compressed'] if case.compressed else []
    images, times = folder / 'images.csv', folder / 'times.csv'
    for log in (images, times):
        log.unlink(missing_ok=True)
    outputs = [topic for topic, *_ in OUTPUTS[:case.outputs]]
    seconds = 3 * period * ((3 if settings.quick else FRAMES) + WARM_UP)
    commands = {
        'node': node_command(settings.model, threads=threads, remaps={'image': '/a/image'},
                             image_transport=case.transport),
        'echo': module_command(
            'echo_node', '--size', *size, '--outputs', str(case.outputs), *jpeg, '--ros-args',
            '-r', f'image:=/b/image{case.suffix}'),
        'engine': module_command(
            'engine_node', '--model', str(settings.model), '--threads', str(threads), '--size',
            *size, *jpeg, '--ros-args', '-r', f'image:=/c/image{case.suffix}'),
        'reader': module_command(
            'reader', *(f'/{node}/{topic}' for node in ('perception', 'echo')
                        for topic in outputs), '--log', str(images)),
        'times': module_command(
            'times_reader', *(f'/engine/{topic}' for topic in TOPICS),
            '/perception/debug/processing_time_ms', '--log', str(times)),
        'camera': module_command(
            'camera', *(f'/{n}/image{case.suffix}' for n in 'abc'), '--size', *size, '--rate',
            str(1 / period), '--seconds', str(seconds), *jpeg),
    }
    with running(commands, environment(), folder) as processes:
        processes['camera'].wait(seconds + 90)
    return read_levels(times, images, case.outputs)


def read_levels(times: Path, images: Path, outputs: int) -> Levels:
    """Return the times of each level after its warm-up, ms.

    Args:
        times: log of engine, core and node.
        images: log of the outputs: those of the node, then those of the echo.
        outputs: how many each of the two has.
    """
    found: dict[str, Sequence[float]] = dict(
        zip(LEVELS[:3], read_times(times, 3), strict=True))
    received = read_log(images)
    for start, level in ((0, 'reader'), (outputs, 'echo')):
        found[level] = 1000 * last_of_frames(received, range(start, start + outputs)).age
    return {level: found[level][1 if level in TURNS else WARM_UP:] for level in LEVELS}
