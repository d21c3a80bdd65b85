# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Time of the engine, of its graph with the label alone, and of the Segmenter around it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
import tempfile

from benchmark.interleaved import Call, milliseconds, noise, ratio, take_turns
from benchmark.table import NotMeasured, Settings, Table
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend, _open_session
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.segmentation import Segmenter

CAMERAS = ((360, 640), (720, 1280), (1080, 1920))
ENGINE, LABEL_ALONE = 'engine', 'engine, label alone'


def measure(settings: Settings) -> list[Table]:
    """Measure with each number of threads."""
    manifest = load_manifest(settings.model)
    return [_measure(manifest, threads, settings.rounds(40)) for threads in settings.threads]


def label_alone(manifest: Manifest, threads: int, folder: Path) -> Call:
    """Cut the graph down to the label output and return a call that runs it."""
    try:
        import onnx.utils
    except ImportError as error:
        raise NotMeasured(f'onnx, which cuts the graph, is not installed: {error}') from error
    path = folder / 'label.onnx'
    onnx.utils.extract_model(
        str(manifest.onnx_path), str(path), [manifest.input_name], [manifest.label_name])
    # Private, but the point is that both engines have the very same settings.
    session = _open_session(replace(manifest, onnx_path=path), threads)
    image = noise((1, *manifest.input_size, 3))
    return lambda: session.run([manifest.label_name], {manifest.input_name: image})


def _measure(manifest: Manifest, threads: int, rounds: int) -> Table:
    engine = OnnxRuntimeBackend(manifest, threads=threads)
    image = noise((1, *manifest.input_size, 3))
    calls: dict[str, Call] = {ENGINE: partial(engine.infer, image)}
    for height, width in CAMERAS:
        segmenter = Segmenter(manifest, engine)
        calls[f'core, camera {width}x{height}'] = partial(
            segmenter.segment, noise((height, width, 3)))
    with tempfile.TemporaryDirectory() as folder:
        calls[LABEL_ALONE] = label_alone(manifest, threads, Path(folder))
        seconds = take_turns(calls, rounds)
    height, width = manifest.input_size
    return Table(
        f'{manifest.name}, {threads} thread(s)',
        ('', 'median ms', 'p99 ms', 'to the engine'),
        tuple((name, *milliseconds(values), f'{ratio(seconds, name, ENGINE):.3f}')
              for name, values in seconds.items()),
        f'{width}x{height}, {engine.detail}; {rounds} rounds in random order. The core resizes, '
        'infers, checks the answer and brings it to the size of the camera; asked of it: at most '
        f'1.03. The score costs {100 * (ratio(seconds, ENGINE, LABEL_ALONE) - 1):.1f} % over the '
        'same graph with the label alone; asked: at most 2 %.')
