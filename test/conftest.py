# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A tiny model that obeys the graph and manifest contracts, for unit and ROS tests alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
import os
from pathlib import Path
from typing import Any

from headless_chromium import HeadlessChromium, find_chromium
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import pytest

from hybrid_perception.engine.accelerator import find_accelerator
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import write_manifest

MakeTinyModel = Callable[..., Path]
NEED_ACCELERATOR = ('gpu', 'tensorrt')
REQUIRED = 'HYBRID_PERCEPTION_REQUIRE_GPU'


@cache
def missing_accelerator() -> str:
    """Say what this machine lacks for TensorRT; empty where nothing."""
    try:
        find_accelerator()
    except EngineError as error:
        return str(error)
    return ''


@pytest.fixture(autouse=True)
def accelerator_or_none(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Skip tests marked gpu or tensorrt where they cannot run; hide the GPU from all others.

    With HYBRID_PERCEPTION_REQUIRE_GPU, as `make test-gpu` sets it, they fail instead.
    """
    if any(request.node.get_closest_marker(name) for name in NEED_ACCELERATOR):
        if missing_accelerator() and os.environ.get(REQUIRED):
            pytest.fail(missing_accelerator())
        if missing_accelerator():
            pytest.skip(missing_accelerator())
    else:
        monkeypatch.setattr('hybrid_perception.backends.cuda.DRIVER_LIBRARY', 'libcuda-hidden.so')
    monkeypatch.setenv('HYBRID_PERCEPTION_CACHE', str(tmp_path_factory.mktemp('engines')))


def tiny_graph(height: int, width: int) -> onnx.ModelProto:
    """Build a graph: label = the brightest channel (0 R, 1 G, 2 B), score = mean - 127.5."""
    shape = [1, height, width]
    initializers = [
        numpy_helper.from_array(np.array([1], np.int64), 'channel_axis'),
        numpy_helper.from_array(np.array(127.5, np.float32), 'middle'),
    ]
    nodes = [
        helper.make_node('Cast', ['image'], ['pixels'], to=TensorProto.FLOAT),
        helper.make_node('Transpose', ['pixels'], ['planes'], perm=[0, 3, 1, 2]),
        helper.make_node('ArgMax', ['planes'], ['winner'], axis=1, keepdims=0),
        helper.make_node('Cast', ['winner'], ['label'], to=TensorProto.UINT8),
        helper.make_node('ReduceMean', ['planes', 'channel_axis'], ['mean'], keepdims=0),
        helper.make_node('Sub', ['mean', 'middle'], ['anomaly_score']),
    ]
    graph = helper.make_graph(
        nodes,
        'tiny',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [*shape, 3])],
        [
            helper.make_tensor_value_info('label', TensorProto.UINT8, shape),
            helper.make_tensor_value_info('anomaly_score', TensorProto.FLOAT, shape),
        ],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8)


def tiny_document(height: int, width: int, name: str = 'tiny') -> dict[str, Any]:
    """Build the manifest's fields for ``tiny_graph``."""
    return {
        'format': 1,
        'name': name,
        'file': f'{name}.onnx',
        'sha256': '0' * 64,
        'input': {
            'name': 'image', 'height': height, 'width': width,
            'layout': 'NHWC', 'color': 'rgb', 'dtype': 'uint8',
        },
        'outputs': {'label': 'label', 'anomaly_score': 'anomaly_score'},
        'classes': [
            {'id': 0, 'name': 'red', 'color': [200, 0, 0]},
            {'id': 1, 'name': 'green', 'color': [0, 200, 0]},
            {'id': 2, 'name': 'blue', 'color': [0, 0, 200]},
        ],
        'unknown': {'id': 3, 'name': 'unknown', 'color': [255, 0, 255]},
        'score': {'name': 'brightness', 'definition': 'mean - 127.5', 'resolution': 'full'},
        'default_operating_point': 'middle',
        'operating_points': {
            'middle': {'threshold': 50.0, 'target': 'brightness', 'data': 'none', 'fpr': 0.01},
            'high': {'threshold': 100.5, 'target': 'brightness', 'data': 'none', 'tpr': None},
        },
        'precision': 'fp32',
        'provenance': {'licence': 'Apache-2.0'},
        'metrics': {},
    }


@pytest.fixture
def make_tiny_model(tmp_path: Path) -> MakeTinyModel:
    """Make a function that writes a tiny model and returns the path of its manifest."""

    def make(height: int = 32, width: int = 64, *, name: str = 'tiny', **fields: Any) -> Path:
        onnx.save(tiny_graph(height, width), tmp_path / f'{name}.onnx')
        document = {**tiny_document(height, width, name), **fields}
        return write_manifest(tmp_path / f'{name}.json', document).path

    return make


@pytest.fixture
def tiny_model(make_tiny_model: MakeTinyModel) -> Path:
    """Write the tiny model of 32x64 pixels; give the path of its manifest."""
    return make_tiny_model()


@pytest.fixture(scope='session')
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadlessChromium]:
    """Start a headless Chromium; skips where there is none."""
    executable = find_chromium()
    if executable is None:
        pytest.skip('no Chromium is installed (Debian: apt install chromium)')
    with HeadlessChromium(executable, tmp_path_factory.mktemp('profile'), (1400, 1200)) as browser:
        yield browser
