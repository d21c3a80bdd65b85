# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Times of the shipped network on a GPU, alone and inside the node: `make test-gpu` keeps them.

Nothing is asserted about speed: the page says which bars are met.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
import time

from gpu_results import TWO, Latency
import numpy as np
import onnx
import pytest

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.engine.parity import compare, parity_image
from hybrid_perception.manifest import PRECISIONS, load_manifest, write_manifest

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt, pytest.mark.timeout(1800)]

MODELS = Path(__file__).resolve().parents[2] / 'models'
SIZES = [(512, 1024), (1024, 2048)]
FRAMES = 500


@pytest.fixture(scope='module')
def network(tmp_path_factory):
    """Make a function that writes the shipped network at a size, in a precision."""
    folder = tmp_path_factory.mktemp('network')

    def make(size, precision):
        base = load_manifest(MODELS)
        name = f'{base.name}_{size[1]}x{size[0]}.{precision}'
        if (folder / f'{name}.json').exists():
            return load_manifest(folder / f'{name}.json')
        onnx.save(_rounded(_resized(base, size, folder), base, size, precision),
                  folder / f'{name}.onnx')
        document = json.loads(base.path.read_text())
        document.pop('variants', None)
        document |= {'name': name, 'file': f'{name}.onnx', 'precision': precision,
                     'input': {**document['input'], 'height': size[0], 'width': size[1]}}
        return load_manifest(write_manifest(folder / f'{name}.json', document).path)

    return make


def _resized(base, size, folder):
    """Return the fp32 graph at a size; another than its own is exported from its weights."""
    if base.input_size == size:
        return onnx.load(base.onnx_path)
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    pytest.importorskip('hybrid_training', reason='the training package is not installed')
    from hybrid_training.config import ModelConfig
    from hybrid_training.data.class_list import CITYSCAPES
    from hybrid_training.export.onnx_file import write_onnx
    from hybrid_training.models.network import build_network
    from hybrid_training.starting_weights import load_start

    path = folder / f'{size[1]}x{size[0]}.onnx'
    if not path.exists():
        model = build_network(ModelConfig(), len(CITYSCAPES), pretrained=False)
        pixels = parity_image(128, 256)
        load_start(model, base.onnx_path, ModelConfig(), CITYSCAPES, prior_shift=0.0,
                   crops=lambda: torch.from_numpy(pixels).permute(0, 3, 1, 2).repeat(2, 1, 1, 1))
        write_onnx(model.eval(), path, size)
    return onnx.load(path)


def _rounded(model, base, size, precision):
    if precision == 'fp32':
        return model
    pytest.importorskip('hybrid_training', reason='the training package is not installed')
    from hybrid_training.export.activation_scales import activation_scales
    from hybrid_training.export.half_precision import to_half
    from hybrid_training.export.onnx_graph import name_nodes
    from hybrid_training.export.quantization import quantizable, quantize

    name_nodes(model.graph)
    if precision == 'fp16':
        return to_half(model, score=base.score_name, label=base.label_name)
    nodes = quantizable(model, (base.label_name, base.score_name))
    scales = activation_scales(model, [node.input[0] for node in nodes], [parity_image(*size)])
    return quantize(model, scales, [node.name for node in nodes])


@pytest.mark.parametrize('precision', PRECISIONS)
@pytest.mark.parametrize('size', SIZES, ids=lambda size: f'{size[1]}x{size[0]}')
def test_the_shipped_network_agrees_with_the_cpu_and_is_timed(network, results, size, precision):
    manifest = network(size, precision)
    engine = create_backend('tensorrt', manifest)
    frame = parity_image(*size)
    parity = compare(manifest, engine, create_backend('onnxruntime', manifest), frame)
    assert parity.passed, parity
    seconds = []
    for _ in range(FRAMES):
        begun = time.monotonic()
        engine.infer(frame)
        seconds.append(time.monotonic() - begun)
    p50, p99 = 1e3 * np.percentile(seconds, [50, 99])
    results.append(Latency('engine', precision, size, p50, p99, 1 / np.mean(seconds)))
    results.append(Latency(TWO, precision, size, *_two_at_a_time(engine, frame)))
    engine.close()


def _two_at_a_time(engine, frame) -> tuple[float, float, float]:
    """Return p50 and p99 of a call, ms, and frames a second, of two threads in one engine."""
    def run(frames: int) -> list[float]:
        seconds = []
        for _ in range(frames):
            begun = time.monotonic()
            engine.infer(frame)
            seconds.append(time.monotonic() - begun)
        return seconds

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, [20, 20]))  # the second slot is made
        begun = time.monotonic()
        times = [second for part in pool.map(run, [FRAMES // 2] * 2) for second in part]
        rate = FRAMES // 2 * 2 / (time.monotonic() - begun)
    p50, p99 = 1e3 * np.percentile(times, [50, 99])
    return p50, p99, rate


@pytest.mark.parametrize('precision', PRECISIONS)
@pytest.mark.parametrize('size', SIZES, ids=lambda size: f'{size[1]}x{size[0]}')
def test_the_whole_node_is_timed(network, results, size, precision):
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from node_latency import measure_node

    times, rate = measure_node(
        network(size, precision).path, parity_image(*size)[0], FRAMES, backend='tensorrt')
    p50, p99 = np.percentile(times, [50, 99])
    results.append(Latency('node', precision, size, p50, p99, rate))
