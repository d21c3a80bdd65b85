# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the node makes of one segmented frame: each output, the objects, the look for drift.

Counted is the time of the processor, in one thread, so that other load on the machine does
little.
"""

from __future__ import annotations

from collections.abc import Callable
import time

import cv2
import numpy as np

from benchmark.interleaved import ratio, take_turns
from benchmark.table import Settings, Table
from hybrid_perception.buffers import BufferPool
from hybrid_perception.calibration.drift_monitor import DriftMonitor
from hybrid_perception.calibration.drift_table import BINS, DriftReference
from hybrid_perception.labels import ClassMap
from hybrid_perception.legend import render_legend
from hybrid_perception.objects.tracking import ObjectTracker
from hybrid_perception.scene import IMAGES, Scene, Style
from hybrid_perception.segmentation import Segmentation

SIZE = (720, 1280)
ROUNDS = 30
CLASSES = ClassMap(
    tuple(f'class {number}' for number in range(19)),
    tuple((13 * number, 255 - 13 * number, 128) for number in range(19)), 19, 'unknown',
    (255, 255, 255))
STYLE = Style(-5.0, 0.5, -20.0, 0.0)


def draw_scene(height: int, width: int, seed: int) -> Scene:
    """Draw a frame of which some percent are unknown."""
    generator = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(
        generator.standard_normal((height, width), np.float32), (0, 0), height / 90)
    score = np.asarray(-12 + 3.5 * noise / noise.std(), np.float32)
    label = generator.integers(0, 19, (height // 40 + 1, width // 40 + 1), np.uint8)
    label = np.kron(label, np.ones((40, 40), np.uint8))[:height, :width].copy()
    view = generator.integers(0, 256, (height, width, 3), np.uint8)
    return Scene(Segmentation(label, score), view, CLASSES, STYLE, buffers=BufferPool())


def tasks(scene: Scene) -> dict[str, Callable[[], object]]:
    """List what is timed, the mask first."""
    def fresh(style: Style = STYLE) -> Scene:   # a scene remembers its mask and its objects
        return Scene(scene.segmentation, scene.view, CLASSES, style, buffers=scene.buffers)

    tracker, found, stamps = ObjectTracker(), scene.objects, iter(range(10**9))
    monitor = DriftMonitor(DriftReference(
        'any', tuple(np.linspace(-20, -5, BINS)), (1 / BINS,) * BINS, 100, 0.0, 0.1, 40), 1.5)
    boxes = Style(-5.0, 0.5, -20.0, 0.0, overlay_objects=True)
    images = {output.topic: (lambda render=output.render: render(fresh())) for output in IMAGES}
    return {
        'open_set_mask': images.pop('open_set_mask'),
        **images,
        'overlay with boxes': lambda: fresh(boxes).overlay,
        'objects': lambda: fresh().objects,
        'ids of the objects': lambda: tracker.update(found, 0.1 * next(stamps)),
        'drift': lambda: monitor.add(scene.segmentation.anomaly_score, 0.1 * next(stamps)),
        'legend': lambda: render_legend(['OK  one line'], CLASSES, STYLE),
    }


def measure(settings: Settings) -> list[Table]:
    """Measure at the size of a common camera."""
    cv2.setNumThreads(1)
    scene = draw_scene(*((90, 160) if settings.quick else SIZE), seed=0)
    seconds = take_turns(tasks(scene), settings.rounds(ROUNDS), clock=time.process_time)
    height, width = scene.view.shape[:2]
    unknown = float(np.mean(scene.mask != 0))
    return [Table(
        'What each output costs', ('output', 'CPU ms', 'to the mask'),
        tuple((name, f'{1000 * np.median(times):.2f}',
               f'{ratio(seconds, name, "open_set_mask"):.2f}') for name, times in seconds.items()),
        f'{width}x{height}, {100 * unknown:.1f} % unknown, {len(scene.objects)} objects, one '
        f'thread, {len(seconds["open_set_mask"])} rounds in random order, by the time of the '
        'processor. The frame is drawn by chance: blobs of unknown, more than a street has. None '
        'of it is spent on outputs that nobody reads.')]
