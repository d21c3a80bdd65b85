# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where the time of a frame goes, from the camera to a reader: by the node's own times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import tempfile

import numpy as np

from benchmark.bar_chart import write_bar_chart
from benchmark.dds.processes import (
    Process,
    environment,
    module_command,
    node_command,
    read_log,
    read_times,
    running,
    wait_for_lines,
)
from benchmark.table import NotMeasured, Settings, Table

STAGES = ('waiting_time', 'decoding_time', 'inference_time', 'output_time')
WORDS = {'waiting_time': 'from the camera', 'decoding_time': 'decode',
         'inference_time': 'inference', 'output_time': 'outputs', 'transport': 'to the reader'}
CASES = (((360, 640), False), ((720, 1280), False), ((720, 1280), True), ((1080, 1920), False))
TOPICS = ('label', 'open_set_mask', 'anomaly_score')
RATE = 4.0
SECONDS = 8.0
IMAGE = 'latency.svg'


def measure(settings: Settings) -> list[Table]:
    """Measure some cameras, and draw them where there is a place for pictures."""
    threads = settings.threads[-1]
    parts = {}
    with tempfile.TemporaryDirectory() as name:
        for size, compressed in CASES[:1] if settings.quick else CASES:
            words = f'{size[1]}x{size[0]} {"JPEG" if compressed else "raw"}'
            parts[words] = _stages(size, settings, Path(name), compressed=compressed)
    picture = ''
    if settings.figures is not None:
        write_bar_chart(settings.figures / IMAGE, parts, 'ms, median')
        picture = f'\n\n![Stages of a frame](images/{IMAGE})'
    return [Table(
        'Stages of a frame', ('camera', *WORDS.values(), 'sum'),
        tuple((words, *(f'{stages[stage]:.1f}' for stage in WORDS.values()),
               f'{sum(stages.values()):.1f}') for words, stages in parts.items()),
        f'ms, medians; three outputs read, {threads} thread(s) for the engine, frames far enough '
        'apart that none waits for the engine. From the camera: DDS and rclpy until the '
        'inference thread has the frame. Inference: resize, engine, check. Outputs: back to the '
        'size of the camera, rendering and publishing. To the reader: until the last output has '
        f'come to another process.{picture}')]


def _stages(
    size: tuple[int, int], settings: Settings, folder: Path, *, compressed: bool
) -> Mapping[str, float]:
    """Return the median of each stage, ms, by the words for it."""
    log, times = folder / 'reader.csv', folder / 'times.csv'
    for path in (log, times):
        path.unlink(missing_ok=True)
    seconds = 3.0 if settings.quick else SECONDS
    topic = f'/a/image{"/compressed" if compressed else ""}'
    commands = {
        'node': node_command(
            settings.model, threads=settings.threads[-1], remaps={'image': '/a/image'},
            image_transport='compressed' if compressed else 'raw'),
        'reader': module_command(
            'reader', *(f'/perception/{name}' for name in TOPICS), '--log', str(log)),
        'times': module_command(
            'times_reader', *(f'/perception/debug/{stage}_ms' for stage in STAGES), '--log',
            str(times)),
        'camera': module_command(
            'camera', topic, '--size', *map(str, size), '--rate', str(RATE), '--seconds',
            str(seconds), *(['--compressed'] if compressed else [])),
    }
    with running(commands, environment(), folder) as processes:
        _wait(processes['camera'], log, times, processes['node'], seconds)
    medians = _medians(times)
    received = read_log(log)
    last = received.of(len(TOPICS) - 1)   # the score is published last
    medians['transport'] = 1000 * float(np.median(last.age)) - sum(medians.values())
    return {WORDS[stage]: value for stage, value in medians.items()}


def _wait(camera: Process, log: Path, times: Path, node: Process, seconds: float) -> None:
    camera.wait(seconds + 60)
    wait_for_lines(log, len(TOPICS), node)
    wait_for_lines(times, len(STAGES), node)


def _medians(path: Path) -> dict[str, float]:
    values = dict(zip(STAGES, read_times(path, len(STAGES)), strict=True))
    if not all(values.values()):
        raise NotMeasured('the node published no times')
    return {stage: float(np.median(found)) for stage, found in values.items()}
