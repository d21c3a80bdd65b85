# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Time the engine, the whole Segmenter, and the same network without the anomaly score.

The three take turns in random order within one run, and the ratios are medians of the ratios
within a round: other load on the machine then hits all of them alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
import json
from pathlib import Path
import random
import sys
import tempfile
import time

import numpy as np
import onnx.utils

from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend, _open_session
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.segmentation import Segmenter

MODELS = Path(__file__).resolve().parents[1] / 'models'


def closed_set_engine(manifest: Manifest, threads: int, folder: Path) -> Callable[[], object]:
    """Cut the graph down to the label output and return a call that runs it."""
    path = folder / 'closed_set.onnx'
    onnx.utils.extract_model(
        str(manifest.onnx_path), str(path), [manifest.input_name], [manifest.label_name])
    # Private, but the point is that both engines have the very same settings.
    session = _open_session(replace(manifest, onnx_path=path), threads)
    image = noise((1, *manifest.input_size, 3))
    return lambda: session.run([manifest.label_name], {manifest.input_name: image})


def noise(shape: tuple[int, ...]) -> np.ndarray:
    """Make a uint8 image of noise; the time of a convolution does not depend on the picture."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Time every call once per round, in random order; return seconds by name."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for name in order:
        calls[name]()
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def main() -> int:
    """Measure and print a table; return 0, or 1 if the model cannot be used."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python3 benchmark/backend_latency.py --threads 1 --camera 1280x720')
    parser.add_argument('--model', default=str(MODELS), help='manifest, .onnx or folder (models/)')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of the engine (1)')
    parser.add_argument('--rounds', type=int, default=40, help='rounds (40)')
    parser.add_argument('--camera', default='1280x720', help='camera size, WxH (1280x720)')
    parser.add_argument('--json', type=Path, help='also write the figures there')
    args = parser.parse_args()
    width, height = (int(part) for part in args.camera.split('x'))
    try:
        manifest = load_manifest(args.model)
        engine = OnnxRuntimeBackend(manifest, threads=args.threads)
    except HybridPerceptionError as error:
        print(f'backend_latency: {error}', file=sys.stderr)
        return 1
    segmenter = Segmenter(manifest, engine)
    image, camera = noise((1, *manifest.input_size, 3)), noise((height, width, 3))
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure({
            'closed-set engine': closed_set_engine(manifest, args.threads, Path(folder)),
            'engine': lambda: engine.infer(image),
            'segmenter': lambda: segmenter.segment(camera),
        }, args.rounds)
    print(f'{manifest.name}, input {manifest.input_size[1]}x{manifest.input_size[0]}, camera '
          f'{args.camera}, {engine.detail}, {args.rounds} rounds')
    print(f'{"":20}{"median":>10}{"p95":>10}{"to closed set":>16}')
    rows = {}
    for name, values in seconds.items():
        median, p95 = (1000 * np.percentile(values, (50, 95)))
        ratio = float(np.median(values / seconds['closed-set engine']))
        rows[name] = {'median_ms': float(median), 'p95_ms': float(p95), 'ratio': ratio}
        print(f'{name:20}{median:7.1f} ms{p95:7.1f} ms{ratio:16.3f}')
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
