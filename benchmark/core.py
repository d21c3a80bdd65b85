# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Time of the engine, of the score in it, and of the Segmenter around it."""

from __future__ import annotations

from functools import partial

from benchmark.interleaved import Call, milliseconds, noise, ratio, take_turns
from benchmark.table import Bar, Settings, Table
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.segmentation import Segmenter

CAMERAS = ((360, 640), (720, 1280), (1080, 1920))
ENGINE = 'engine'


def measure(settings: Settings) -> list[Table]:
    """Measure with each number of threads."""
    manifest = load_manifest(settings.model)
    return [_measure(manifest, threads, settings.rounds(40)) for threads in settings.threads]


def _score_cost(manifest: Manifest, threads: int, rounds: int) -> tuple[str, tuple[Bar, ...]]:
    """Return what is said of the score's cost, and the bar."""
    try:
        from hybrid_training.export.label_only import time_score
    except ImportError as error:
        return f'What the score costs was not measured: {error}.', ()
    cost = time_score(
        manifest.onnx_path, noise((1, *manifest.input_size, 3)), threads, rounds,
        input_name=manifest.input_name, outputs=(manifest.label_name, manifest.score_name))
    least, most = 100 * cost.by_engine.min(), 100 * cost.by_engine.max()
    bar = Bar(f'score over the same graph with the label alone, {threads} thread(s)',
              round(100 * cost.median, 1), 2, ' %')
    return (f'The cost of the score is a median; both graphs were opened anew '
            f'{len(cost.by_engine)} times, {least:.1f} to {most:.1f} %.'), (bar,)


def _measure(manifest: Manifest, threads: int, rounds: int) -> Table:
    engine = OnnxRuntimeBackend(manifest, threads=threads)
    image = noise((1, *manifest.input_size, 3))
    calls: dict[str, Call] = {ENGINE: partial(engine.infer, image)}
    for height, width in CAMERAS:
        segmenter = Segmenter(manifest, engine)
        calls[f'core, camera {width}x{height}'] = partial(
            segmenter.segment, noise((height, width, 3)))
    seconds = take_turns(calls, rounds)
    ratios = {name: ratio(seconds, name, ENGINE) for name in calls}
    height, width = manifest.input_size
    score, bars = _score_cost(manifest, threads, 2 * rounds)
    return Table(
        f'{manifest.name}, {threads} thread(s)',
        ('', 'median ms', 'p99 ms', 'to the engine'),
        tuple((name, *milliseconds(values), f'{ratios[name]:.3f}')
              for name, values in seconds.items()),
        f'{width}x{height}, {engine.detail}; {rounds} rounds in random order. The core resizes, '
        f'infers, checks the answer and brings it to the size of the camera. {score}',
        (*(Bar(f'{name}, to the engine, {threads} thread(s)', round(value, 3), 1.03)
           for name, value in ratios.items() if name != ENGINE), *bars))
