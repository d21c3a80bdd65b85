# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""On a real GPU with a real TensorRT: `make test-gpu`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
import ctypes
from dataclasses import replace
import hashlib
import json
import threading
import time

import numpy as np
import onnx
from precision_graphs import CLASSES, PRECISIONS, precision_graph
import pytest

from hybrid_perception.backends import cuda
from hybrid_perception.backends.cuda import CudaDevice, find_gpu, open_driver
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.engine.accelerator import find_accelerator
from hybrid_perception.engine.builder import BuildStoppedError
from hybrid_perception.engine.parity import compare, parity_image
from hybrid_perception.engine.provider import EngineProvider
from hybrid_perception.engine.settings import EngineSettings
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import load_manifest, write_manifest

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt, pytest.mark.timeout(900)]

HEIGHT, WIDTH = 512, 1024


@pytest.fixture
def make_manifest(make_tiny_model, tmp_path):
    """Make a function that writes the small network in a precision and returns its manifest."""
    fields = {'classes': [{'id': i, 'name': f'class {i}', 'color': [i, 0, 0]}
                          for i in range(CLASSES)],
              'unknown': {'id': CLASSES, 'name': 'unknown', 'color': [255, 0, 255]}}

    def make(precision: str, height: int = HEIGHT, width: int = WIDTH):
        document = json.loads(make_tiny_model(height, width, name=precision).read_text())
        onnx.save(precision_graph(height, width, precision), tmp_path / f'{precision}.onnx')
        document = {**document, **fields, 'precision': precision}
        return load_manifest(write_manifest(tmp_path / f'{precision}.json', document).path)

    return make


@contextmanager
def full_memory():
    """Leave 16 MiB of the GPU's memory."""
    if find_gpu().integrated:
        pytest.skip('this GPU shares its memory with the CPU: filling it would stop the machine')
    device = CudaDevice()  # makes the context current
    driver, free, total = open_driver(cuda.DRIVER_LIBRARY), ctypes.c_size_t(), ctypes.c_size_t()
    driver.call('cuMemGetInfo_v2', ctypes.byref(free), ctypes.byref(total))
    hog = driver.get('cuMemAlloc_v2', free.value - (16 << 20), kind=ctypes.c_ulonglong)
    try:
        yield
    finally:
        driver.call('cuMemFree_v2', hog)
        device.close()


@pytest.fixture
def frame():
    return np.random.default_rng(5).integers(0, 256, (1, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.mark.parametrize('precision', PRECISIONS)
def test_each_precision_builds_agrees_with_the_cpu_and_is_captured(make_manifest, precision):
    manifest = make_manifest(precision)
    engine = create_backend('tensorrt', manifest)
    assert engine.detail.endswith(', CUDA graph')
    reference = create_backend('onnxruntime', manifest)
    parity = compare(manifest, engine, reference, parity_image(HEIGHT, WIDTH))
    print(precision, parity)
    assert parity.passed


def test_auto_takes_the_gpu_and_the_second_start_takes_the_cache(make_manifest):
    manifest = make_manifest('fp16')
    told = []
    create_backend('auto', manifest, engine=EngineSettings(report=told.append)).close()
    assert 'building the TensorRT engine, 100 %' in told
    told.clear()
    backend = create_backend('auto', manifest, engine=EngineSettings(report=told.append))
    assert backend.name == 'tensorrt'
    assert told == []


def test_the_same_frame_gives_the_same_answer_in_another_thread(make_manifest, frame):
    backend = create_backend('tensorrt', make_manifest('fp32'))
    here, there = backend.infer(frame), []
    thread = threading.Thread(target=lambda: there.extend(backend.infer(frame)))
    thread.start()
    thread.join()
    for mine, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_two_engines_at_once_do_not_disturb_each_other(make_manifest, frame):
    manifest = make_manifest('fp32')
    engines = [create_backend('tensorrt', manifest) for _ in range(2)]
    frames = [frame, 255 - frame]
    alone = [engine.infer(image) for engine, image in zip(engines, frames, strict=True)]
    wrong: list[int] = []

    def run(index: int) -> None:
        for _ in range(50):
            label, score = engines[index].infer(frames[index])
            if (label != alone[index][0]).any() or (score != alone[index][1]).any():
                wrong.append(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_threads_in_one_engine_get_each_their_own_answers(make_manifest, frame):
    backend = create_backend('tensorrt', make_manifest('fp32'))
    frames = [frame, 255 - frame]
    alone = [backend.infer(image) for image in frames]

    def run(index: int) -> int:
        wrong = 0
        for _ in range(50):
            label, score = backend.infer(frames[index])
            wrong += (label != alone[index][0]).any() or (score != alone[index][1]).any()
        return wrong

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == [0, 0]


def test_full_memory_leaves_one_slot_that_serves_both(make_manifest, caplog):
    backend = create_backend('tensorrt', make_manifest('fp32', 2048, 4096))
    image = np.zeros((1, 2048, 4096, 3), np.uint8)
    alone = backend.infer(image)
    with full_memory(), ThreadPoolExecutor(2) as pool:
        answers = [label for _ in range(10)
                   for label, _ in pool.map(backend.infer, [image, image])]
    assert 'runs one frame at a time' in caplog.text
    assert all((label == alone[0]).all() for label in answers)


def test_a_plan_of_another_driver_is_built_anew(make_manifest, caplog):
    manifest, machine = make_manifest('fp16'), find_accelerator()
    older = replace(machine, gpu=replace(machine.gpu, driver='1.0'))
    EngineProvider(manifest, older, EngineSettings()).open().close()
    EngineProvider(manifest, machine, EngineSettings()).open().close()
    assert 'cuda driver was 1.0' in caplog.text


def test_a_build_is_stopped_within_two_seconds(make_manifest):
    stop = threading.Event()
    manifest = make_manifest('fp32')
    threading.Timer(0.5, stop.set).start()
    begun = time.monotonic()
    try:
        create_backend('tensorrt', manifest, engine=EngineSettings(stop=stop))
    except BuildStoppedError:
        assert time.monotonic() - begun < 2.5
    else:
        pytest.skip('the build was done before it could be stopped')


def test_a_plan_of_another_tensorrt_is_built_anew(make_manifest, caplog):
    manifest, machine = make_manifest('fp16'), find_accelerator()
    older = replace(machine, library=replace(machine.library, version='10.2.9'))
    EngineProvider(manifest, older, EngineSettings()).open().close()
    EngineProvider(manifest, machine, EngineSettings()).open().close()
    assert 'tensorrt was ' in caplog.text
    assert '10.2.9' in caplog.text


def test_a_plan_of_another_version_under_the_right_name_is_built_anew(make_manifest, caplog):
    manifest, machine = make_manifest('fp16'), find_accelerator()
    provider = EngineProvider(manifest, machine, EngineSettings())
    provider.open().close()
    entry = provider.cache.find(provider.model, provider.key)
    # The version is in the head of a plan: TensorRT itself must refuse this one.
    plan = b'\0' * 64 + entry.plan[64:]
    provider.cache.store(
        replace(entry.sidecar, plan_sha256=hashlib.sha256(plan).hexdigest()), plan)
    provider.open().close()
    assert 'fits but cannot be used' in caplog.text


def test_full_memory_is_an_error_and_the_next_try_works(make_manifest, frame):
    manifest = make_manifest('fp32', 2048, 4096)
    create_backend('tensorrt', manifest).close()  # the plan is in the cache
    with full_memory(), pytest.raises(EngineError):
        create_backend('tensorrt', manifest)
    backend = create_backend('tensorrt', manifest)
    label, score = backend.infer(np.zeros((1, 2048, 4096, 3), np.uint8))
    assert label.shape == score.shape == (2048, 4096)


def test_without_a_graph_the_answer_is_the_same(make_manifest, frame, monkeypatch):
    manifest = make_manifest('fp32')
    captured = create_backend('tensorrt', manifest)

    def refuse(self, work):
        raise RuntimeError('no graphs today')

    monkeypatch.setattr('hybrid_perception.backends.cuda.CudaDevice.capture', refuse)
    plain = create_backend('tensorrt', manifest)
    assert plain.detail.endswith('no CUDA graph')
    for mine, other in zip(captured.infer(frame), plain.infer(frame), strict=True):
        np.testing.assert_array_equal(mine, other)
