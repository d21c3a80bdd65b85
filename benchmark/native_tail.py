# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The exact tail as one compiled loop over the maps at stride 4, against the tail in the graph.

The loop is compiled by numba: a measurement, not a part of the product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.flops import heads_output
from benchmark.interleaved import milliseconds, noise, ratio, take_turns
from benchmark.table import NotMeasured, Settings, Table
from hybrid_perception.manifest import Manifest, load_manifest

WHOLE, CUT, BOTH = 'graph with its tail', 'graph up to the maps', 'the same, then the loop'


def measure(settings: Settings) -> list[Table]:
    """Compare with one thread; the loop has one."""
    manifest = load_manifest(settings.model)
    whole, cut = _sessions(manifest)
    loop, image = compile_loop(), noise((1, *manifest.input_size, 3))
    label = np.empty(manifest.input_size, np.uint8)
    score = np.empty(manifest.input_size, np.float32)

    def with_loop() -> None:
        loop(cut.run(None, {manifest.input_name: image})[0][0], label, score)

    wanted = whole.run([manifest.label_name, manifest.score_name], {manifest.input_name: image})
    with_loop()
    agreement = float((label == wanted[0][0]).mean())
    difference = float(np.abs(score - wanted[1][0]).max())
    seconds = take_turns({
        WHOLE: lambda: whole.run(None, {manifest.input_name: image}),
        CUT: lambda: cut.run(None, {manifest.input_name: image}), BOTH: with_loop,
    }, settings.rounds(30))
    return [Table(
        f'{manifest.name}, 1 thread', ('', 'median ms', 'p99 ms', 'to the graph with its tail'),
        tuple((name, *milliseconds(values), f'{ratio(seconds, name, WHOLE):.3f}')
              for name, values in seconds.items()),
        f'ONNX Runtime; the loop is compiled by numba. Labels agree on {agreement:.4%}, scores '
        f'within {difference:.0e}.')]


def _sessions(manifest: Manifest) -> tuple[Any, Any]:
    try:
        import onnx
        import onnx.utils
    except ImportError as error:
        raise NotMeasured(f'onnx, which cuts the graph, is not installed: {error}') from error
    import onnxruntime

    model = onnx.load(manifest.onnx_path)
    maps = heads_output(model, [manifest.label_name, manifest.score_name])
    extractor = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(model))
    cut = extractor.extract_model([manifest.input_name], [maps])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    whole, short = (onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=['CPUExecutionProvider'])
        for graph in (model, cut))
    return whole, short


def compile_loop() -> Any:
    """Compile `loop(maps (K + 1, h, w), label (4h, 4w), score (4h, 4w))`."""
    try:
        from numba import njit
    except ImportError as error:
        raise NotMeasured(f'numba is not installed: {error}') from error
    compiled = njit(cache=False, fastmath=False, error_model='numpy')(_loop)
    row = njit(cache=False, error_model='numpy')(_blend_rows)
    compiled.py_func.__globals__['_blend_rows'] = row
    return compiled


def _blend_rows(
    above: NDArray[np.float32], below: NDArray[np.float32], weight: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Blend two rows and stretch by four, half-pixel centres, edges repeated."""
    width = above.size
    first, last = np.float32(0.125), np.float32(0.375)
    blended = above + (below - above) * weight
    for x in range(width):
        centre = blended[x]
        left = blended[x - 1] if x else centre
        right = blended[x + 1] if x + 1 < width else centre
        out[4 * x] = centre + (left - centre) * last
        out[4 * x + 1] = centre + (left - centre) * first
        out[4 * x + 2] = centre + (right - centre) * first
        out[4 * x + 3] = centre + (right - centre) * last


def _loop(
    maps: NDArray[np.float32], label: NDArray[np.uint8], score: NDArray[np.float32]
) -> None:
    """Write label and score of the heads' maps, the dataset logit last."""
    classes, height, width = maps.shape[0] - 1, maps.shape[1], maps.shape[2]
    coarse = np.empty((height, width), np.float32)
    for y in range(height):
        largest = maps[0, y].copy()
        for k in range(1, classes):
            largest = np.maximum(largest, maps[k, y])
        total = np.zeros(width, np.float32)
        for k in range(classes):
            total += np.exp(maps[k, y] - largest)
        z = maps[classes, y]
        coarse[y] = (-np.maximum(-z, np.float32(0)) - np.log(np.float32(1) + np.exp(-np.abs(z)))
                     - largest - np.log(total))
    best = np.empty(4 * width, np.float32)
    row = np.empty(4 * width, np.float32)
    for y in range(4 * height):
        centre = (y + 0.5) / 4 - 0.5
        top = int(np.floor(centre))
        weight = np.float32(centre - top)
        above, below = max(top, 0), min(top + 1, height - 1)
        _blend_rows(coarse[above], coarse[below], weight, score[y])
        _blend_rows(maps[0, above], maps[0, below], weight, best)
        winner = label[y]
        winner[:] = 0
        for k in range(1, classes):
            _blend_rows(maps[k, above], maps[k, below], weight, row)
            for x in range(4 * width):
                wins = row[x] > best[x]
                winner[x] = k if wins else winner[x]
                best[x] = row[x] if wins else best[x]
