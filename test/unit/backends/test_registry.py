# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which engine is chosen, and what is said about it."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from tensorrt_stand_in import World, make_module

from hybrid_perception.backends import registry, tensorrt_library
from hybrid_perception.backends.device import import_torch
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.backends.tensorrt_library import load_tensorrt
from hybrid_perception.engine import accelerator
from hybrid_perception.engine.gpu import Gpu
from hybrid_perception.exceptions import EngineError
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
    monkeypatch.setattr(accelerator, 'import_torch', lambda: pytest.fail('imported'))
    assert 'auto: no NVIDIA driver' in create_backend('auto', manifest, threads=1).detail


def test_everything_that_is_missing_is_named_at_once(manifest, monkeypatch):
    monkeypatch.setattr(accelerator, 'find_gpu', lambda: ORIN)
    monkeypatch.setattr(tensorrt_library, 'PACKAGES', ('tensorrt_nowhere',))
    monkeypatch.setitem(sys.modules, 'torch', None)
    with pytest.raises(EngineError) as caught:
        create_backend('tensorrt', manifest)
    for words in ("backend 'tensorrt' cannot run here", 'TensorRT cannot be imported',
                  "pip install 'tensorrt>=10.3,<12'", 'PyTorch cannot be imported'):
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


def test_a_pytorch_without_cuda_is_named(monkeypatch):
    torch = ModuleType('torch')
    vars(torch).update(
        __version__='2.13.0+cpu', version=SimpleNamespace(cuda=None),
        cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, 'torch', torch)
    with pytest.raises(EngineError, match=r'PyTorch 2\.13\.0.cpu cannot use the GPU'):
        import_torch()
