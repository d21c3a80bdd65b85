# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Our builder on a real TensorRT, without a GPU: TensorRT for RTX builds ahead of time."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from precision_graphs import CLASSES, PRECISIONS, precision_graph
import pytest
from tensorrt_wheels import link_rtx_libraries, run_with, unpack

from hybrid_perception.engine.parity import parity_image
from hybrid_perception.manifest import load_manifest

MODELS = sorted((Path(__file__).resolve().parents[3] / 'models').glob('*.onnx'))
FP32_MODELS = [path for path in MODELS
               if load_manifest(path, verify_hash=False).precision == 'fp32']

BUILD = """
import base64, importlib, json, sys, threading
from dataclasses import replace
from types import SimpleNamespace
from hybrid_perception.backends import tensorrt_library
from hybrid_perception.engine.builder import build_plan
from hybrid_perception.exceptions import HybridPerceptionError

tensorrt_library.PACKAGES = ('tensorrt_rtx_bindings',)
library = tensorrt_library.load_tensorrt()
trt = library.trt

class Builder(trt.Builder):
    def create_builder_config(self):
        config = super().create_builder_config()
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.SM86, 0)
        return config

given = json.load(sys.stdin)
stop = threading.Event()
told = []

def report(percent):
    told.append(percent)
    if percent >= given['stop_at']:
        stop.set()

try:
    built = build_plan(
        replace(library, trt=SimpleNamespace(**{**vars(trt), 'Builder': Builder})),
        base64.b64decode(given['onnx']), report=report, stop=stop)
    print(json.dumps({'bytes': len(built.plan), 'layers': built.layers, 'told': told,
                      'seconds': built.seconds}))
except HybridPerceptionError as error:
    print(json.dumps({'error': f'{type(error).__name__}: {error}', 'told': told}))
"""


@pytest.fixture(scope='module')
def build(tmp_path_factory):
    """Make a function that builds a graph for SM86 and returns what came of it."""
    directory = tmp_path_factory.mktemp('rtx')
    bindings = unpack('tensorrt_rtx_cu13_bindings-1.*.whl', directory)
    libraries = link_rtx_libraries(
        unpack('onnxruntime_ep_nv_tensorrt_rtx_cu13-*.whl', directory), directory / 'libraries')

    def run(onnx_bytes: bytes, stop_at: int = 1000):
        given = json.dumps({'onnx': base64.b64encode(onnx_bytes).decode(), 'stop_at': stop_at})
        return json.loads(run_with(BUILD, bindings=bindings, libraries=libraries, given=given))

    return run


@pytest.mark.parametrize('precision', PRECISIONS)
def test_the_graphs_run_on_the_cpu(precision):
    session = onnxruntime.InferenceSession(
        precision_graph(64, 128, precision).SerializeToString(),
        providers=['CPUExecutionProvider'])
    image = np.random.default_rng(3).integers(0, 256, (1, 64, 128, 3), dtype=np.uint8)
    label, score = session.run(['label', 'anomaly_score'], {'image': image})
    assert len(np.unique(label)) > 1
    assert label.max() < CLASSES
    assert np.isfinite(score).all()
    assert score.std() > 0.01


@pytest.mark.parametrize('precision', PRECISIONS)
def test_each_precision_builds(build, precision):
    built = build(precision_graph(256, 512, precision).SerializeToString())
    assert built.get('error') is None
    assert built['layers'] > 10
    assert built['bytes'] > 10_000
    assert built['told'][0] == 0
    assert built['told'][-1] == 100
    assert len(built['told']) > 5
    assert built['told'] == sorted(set(built['told']))


def show(name: str, onnx_bytes: bytes, built) -> None:
    """Print a row of the table in docs/tensorrt.md; seen with `pytest -s`."""
    print(f'\n| {name} | {len(onnx_bytes) / 1e6:.1f} MB | {built["layers"]} | '
          f'{built["bytes"] / 1e6:.1f} MB | {built["seconds"]:.1f} s |')


@pytest.mark.skipif(not MODELS, reason='models/ holds no model yet')
@pytest.mark.parametrize('path', MODELS, ids=lambda path: path.name)
def test_the_shipped_model_builds(build, path):
    built = build(path.read_bytes())
    assert built.get('error') is None
    assert built['layers'] > 50
    show(path.name, path.read_bytes(), built)


def rounded(path: Path, precision: str) -> onnx.ModelProto:
    """Derive a variant of a model as `hybrid-training quantize` does, every layer in int8."""
    pytest.importorskip('hybrid_training', reason='the training package is not installed')
    from hybrid_training.export.activation_scales import activation_scales
    from hybrid_training.export.half_precision import to_half
    from hybrid_training.export.onnx_graph import name_nodes
    from hybrid_training.export.quantization import quantizable, quantize

    manifest = load_manifest(path)
    model = onnx.load(path)
    name_nodes(model.graph)
    if precision == 'fp16':
        return to_half(model, score=manifest.score_name, label=manifest.label_name)
    nodes = quantizable(model, (manifest.label_name, manifest.score_name))
    scales = activation_scales(
        model, [node.input[0] for node in nodes], [parity_image(*manifest.input_size)])
    return quantize(model, scales, [node.name for node in nodes])


@pytest.mark.skipif(not FP32_MODELS, reason='models/ holds no fp32 model')
@pytest.mark.parametrize('precision', ['fp16', 'int8'])
@pytest.mark.parametrize('path', FP32_MODELS, ids=lambda path: path.name)
def test_the_shipped_network_builds_in_other_precisions(build, path, precision):
    onnx_bytes = rounded(path, precision).SerializeToString()
    built = build(onnx_bytes)
    assert built.get('error') is None
    show(f'{path.stem} in {precision}', onnx_bytes, built)


TAILS = ('phase', 'phase-shifted', 'phase-logsumexp', 'half', 'nearest', 'resize', 'naive')


@pytest.mark.parametrize('precision', ['fp32', 'fp16'])
@pytest.mark.parametrize('tail', TAILS)
def test_every_tail_of_the_exporter_builds(build, tmp_path, tail, precision):
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    onnx_file = pytest.importorskip('hybrid_training.export.onnx_file')
    from hybrid_training.export.half_precision import to_half
    from hybrid_training.export.onnx_graph import name_nodes
    from hybrid_training.export.tail_names import TAIL_NAMES

    assert set(TAIL_NAMES) == set(TAILS)
    network = torch.nn.Module()
    network.num_classes = CLASSES
    network.encoder, network.decoder = torch.nn.Conv2d(3, 8, 4, 4), torch.nn.Identity()
    network.class_head = torch.nn.Conv2d(8, CLASSES, 1)
    network.dataset_head = torch.nn.Conv2d(8, 1, 1)
    onnx_file.write_onnx(network, tmp_path / 'tail.onnx', (64, 128), tail)
    model = onnx.load(tmp_path / 'tail.onnx')
    name_nodes(model.graph)
    if precision == 'fp16':
        model = to_half(model, score='anomaly_score', label='label')
    assert build(model.SerializeToString()).get('error') is None


def test_a_build_is_stopped(build):
    stopped = build(precision_graph(256, 512, 'fp32').SerializeToString(), stop_at=5)
    assert stopped['error'].startswith('BuildStoppedError')
    assert stopped['told'][-1] < 50


def test_rubbish_is_told_with_the_parsers_words(build):
    assert 'ModelError: the ONNX graph cannot be read' in build(b'rubbish')['error']
