# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which engine is chosen, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
import sys

import pytest
from tensorrt_stand_in import World, make_module

from hybrid_perception.backends import registry, tensorrt_library
from hybrid_perception.backends.cuda import Gpu
from hybrid_perception.backends.openvino_backend import OpenVinoBackend
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.backends.tensorrt_library import load_tensorrt
from hybrid_perception.engine import accelerator
from hybrid_perception.exceptions import EngineError, ModelError
from hybrid_perception.manifest import load_manifest

ORIN = Gpu(name='Orin', compute_capability='8.7', driver='12.6')


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


@pytest.fixture
def world(monkeypatch):
    """Make a machine on which TensorRT works."""
    world = World()
    monkeypatch.setattr(registry, 'find_accelerator', world.accelerator)
    return world


def test_auto_takes_tensorrt_where_it_works(manifest, world, caplog):
    with caplog.at_level('INFO'):
        backend = create_backend('auto', manifest)
    assert backend.name == 'tensorrt'
    assert 'auto: GPU and TensorRT are here' in backend.detail
    assert f'backend tensorrt: {backend.detail}' in caplog.text


def test_asked_for_it_says_so(manifest, world):
    assert "asked for as 'tensorrt'" in create_backend('tensorrt', manifest).detail
    assert create_backend('onnxruntime', manifest).name == 'onnxruntime'


@pytest.mark.parametrize(('fault', 'words'), [
    ('build', 'cannot be built'), ('parse', 'unsupported node Foo'), ('context', 'memory full')])
def test_auto_falls_back_and_says_why_but_who_asks_gets_the_error(
        manifest, world, caplog, fault, words):
    world.faults[fault] = -1
    backend = create_backend('auto', manifest, threads=1)
    assert backend.name == 'onnxruntime'
    assert 'auto: TensorRT failed: ' in backend.detail
    assert words in backend.detail
    assert 'TensorRT is not used, the model runs on the CPU' in caplog.text
    with pytest.raises(Exception, match=words):
        create_backend('tensorrt', manifest)


def test_auto_falls_back_from_an_engine_that_differs(manifest, world):
    world.score_offset = 5.0
    assert 'differs from the CPU' in create_backend('auto', manifest, threads=1).detail


def test_without_a_driver_nothing_large_is_imported(manifest, monkeypatch):
    monkeypatch.setattr(accelerator, 'load_tensorrt', lambda: pytest.fail('imported'))
    assert 'auto: no NVIDIA driver' in create_backend('auto', manifest, threads=1).detail


@pytest.fixture
def int8(manifest):
    """Name an int8 model; what is in the file does not matter to the choice."""
    return replace(manifest, precision='int8')


def test_auto_takes_openvino_for_int8_alone(manifest, int8):
    pytest.importorskip('openvino', reason='OpenVINO is not installed')
    backend = create_backend('auto', int8, threads=1, calls=2)
    assert (backend.name, backend.concurrent_calls) == ('openvino', 2)
    assert '; auto: no NVIDIA driver' in backend.detail
    assert 'quicker in int8 than ONNX Runtime, and agrees with it' in backend.detail
    assert create_backend('auto', manifest, threads=1).name == 'onnxruntime'


def test_auto_does_not_take_an_openvino_that_differs(int8, monkeypatch):
    pytest.importorskip('openvino', reason='OpenVINO is not installed')
    infer, closed = OpenVinoBackend.infer, []

    def wrong(self, image):
        label, score = infer(self, image)
        return label, score + 5

    monkeypatch.setattr(OpenVinoBackend, 'infer', wrong)
    monkeypatch.setattr(OpenVinoBackend, 'close', lambda self: closed.append(1))
    backend = create_backend('auto', int8, threads=1, calls=2)
    assert (backend.name, backend.concurrent_calls, closed) == ('onnxruntime', 2, [1])
    assert 'is not used: it differs from ONNX Runtime: labels agree on' in backend.detail


def test_auto_does_without_openvino(int8, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    backend = create_backend('auto', int8, threads=1)
    assert backend.name == 'onnxruntime'
    assert 'OpenVINO, which is quicker in int8, is not used: OpenVINO cannot' in backend.detail


def test_an_int8_model_that_is_broken_is_a_model_error(int8):
    int8.onnx_path.write_bytes(b'no graph')
    with pytest.raises(ModelError, match='ONNX Runtime'):
        create_backend('auto', int8, threads=1)


def test_a_missing_tensorrt_is_named(manifest, monkeypatch):
    monkeypatch.setattr(accelerator, 'find_gpu', lambda: ORIN)
    monkeypatch.setattr(tensorrt_library, 'PACKAGES', ('tensorrt_nowhere',))
    with pytest.raises(EngineError) as caught:
        create_backend('tensorrt', manifest)
    for words in ("backend 'tensorrt' cannot run here", 'TensorRT cannot be imported',
                  "pip install 'tensorrt>=10.3,<12'"):
        assert words in str(caught.value)


@pytest.mark.parametrize(('version', 'works'), [
    ('8.6.1', False), ('10.2.0', False), ('10.3.0', True), ('10.16.1.11', True),
    ('11.4.0.106', True)])
def test_the_floor_is_10_3(monkeypatch, version, works):
    monkeypatch.setitem(sys.modules, 'tensorrt', make_module(World(version=version)))
    if works:
        assert load_tensorrt().name == f'tensorrt {version}'
    else:
        with pytest.raises(EngineError, match=f'{version} is too old; 10.3 or later.*JetPack 6.1'):
            load_tensorrt()


def test_tensorrt_for_rtx_is_the_second_choice(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    monkeypatch.setitem(sys.modules, 'tensorrt_rtx', make_module(World(version='1.7.1.116')))
    assert load_tensorrt().name == 'tensorrt_rtx 1.7.1.116'
