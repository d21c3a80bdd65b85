# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The layer over libcuda, and everything of TensorRT that stands on it, over a fake libcuda."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import shutil
import subprocess
import threading

from fake_cuda import LOST, OUT_OF_MEMORY, FakeCuda, compile_fake
import numpy as np
import pytest
from tensorrt_stand_in import World

from hybrid_perception.backends import cuda, registry
from hybrid_perception.backends.cuda import CudaDevice, Gpu, find_gpu
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import load_manifest


@pytest.fixture(scope='session')
def library(tmp_path_factory):
    path = compile_fake(tmp_path_factory.mktemp('libcuda'))
    if path is None:
        pytest.skip('no C compiler: the fake libcuda cannot be compiled')
    return path


@pytest.fixture
def fake(library, monkeypatch):
    """Put the fake library in the driver's place; afterwards nothing of it may be alive."""
    fake = FakeCuda(library)
    monkeypatch.setattr(cuda, 'DRIVER_LIBRARY', fake.path)
    cuda.open_driver.cache_clear()
    yield fake
    fake.reset()
    assert fake.alive() == {}


@pytest.fixture
def device(fake):
    device = CudaDevice()
    yield device
    device.close()


@pytest.fixture
def world():
    return World()


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


@pytest.fixture
def machine(fake, world, monkeypatch):
    """Let the product find TensorRT's stand-in on the fake driver."""
    monkeypatch.setattr(registry, 'find_accelerator', lambda: fake.accelerator(world))
    return fake


@pytest.fixture
def frames():
    return np.random.default_rng(1).integers(0, 256, (6, 1, 32, 64, 3), dtype=np.uint8)


@pytest.fixture
def is_right(manifest):
    """Make a function that says whether an answer is that of the model."""
    reference = OnnxRuntimeBackend(manifest, threads=1)

    def check(answer, frame) -> bool:
        return all(np.array_equal(mine, true)
                   for mine, true in zip(answer, reference.infer(frame), strict=True))

    return check


# ---- the driver and its GPU ----

def test_the_driver_describes_its_gpu(fake):
    assert find_gpu() == Gpu(name='Orin', compute_capability='8.7', driver='12.6',
                             multiprocessors=16, integrated=True)


@pytest.mark.parametrize('function', ['cuInit', 'cuDeviceGetCount'])
def test_a_driver_without_a_gpu_is_not_a_missing_driver(fake, function):
    fake.fail(function, 100)
    with pytest.raises(EngineError, match=r'finds no GPU.*CUDA_VISIBLE_DEVICES'):
        find_gpu()


def test_a_gpu_that_does_not_answer_is_an_error(fake):
    fake.fail('cuDeviceGetAttribute', 999)
    with pytest.raises(EngineError, match=r'does not describe its GPU: .*CUDA 999'):
        find_gpu()


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setattr(cuda, 'DRIVER_LIBRARY', 'libcuda-nowhere.so.1')
    with pytest.raises(EngineError, match=r'no NVIDIA driver .libcuda-nowhere\.so\.1'):
        find_gpu()


def test_a_driver_that_is_too_old_is_named(tmp_path, monkeypatch, library):
    source, old = tmp_path / 'old.c', tmp_path / 'libcuda.so.1'
    source.write_text('int cuInit(unsigned flags) { return 0; }\n')
    subprocess.run([shutil.which('cc'), '-shared', '-fPIC', '-o', old, source], check=True)
    monkeypatch.setattr(cuda, 'DRIVER_LIBRARY', str(old))
    with pytest.raises(EngineError, match=r'has no cuDriverGetVersion; it is too old, CUDA 11\.4'):
        find_gpu()


# ---- memory, streams, graphs ----

def test_memory_begins_as_zeros_and_goes_both_ways(device):
    buffer = device.allocate((2, 3), np.float32)
    assert (buffer.host.shape, buffer.host.dtype) == ((2, 3), np.float32)
    buffer.host[:] = 7
    device.download(buffer)
    device.wait()
    assert not buffer.host.any()
    buffer.host[:] = 5
    device.upload(buffer)
    device.wait()
    buffer.host[:] = 0
    device.download(buffer)
    device.wait()
    assert (buffer.host == 5).all()


def test_a_graph_does_again_what_was_recorded(device):
    buffer = device.allocate((64,), np.uint8)
    replay = device.capture(lambda: device.download(buffer))
    for value in (3, 9):
        buffer.host[:] = value
        device.upload(buffer)
        device.wait()
        buffer.host[:] = 0
        replay()
        device.wait()
        assert (buffer.host == value).all()


def test_threads_have_streams_of_their_own(fake):
    def go(seed):
        device = CudaDevice()
        values = np.random.default_rng(seed)
        buffer = device.allocate((64, 128, 3), np.uint8)
        replay = device.capture(lambda: device.download(buffer))
        for _ in range(20):
            wanted = values.integers(0, 256, buffer.host.shape, np.uint8)
            buffer.host[:] = wanted
            device.upload(buffer)
            device.wait()
            buffer.host[:] = 0
            replay()
            device.wait()
            np.testing.assert_array_equal(buffer.host, wanted)
        device.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(go, range(3)))


@pytest.mark.parametrize('fault', ['of the work', 'allocation', 'wait', 'of the driver'])
def test_after_a_capture_that_failed_the_stream_goes_on(fake, device, fault):
    def work():
        if fault == 'of the work':
            raise EngineError('inside')
        if fault == 'allocation':
            device.allocate((4,), np.uint8)
        if fault == 'wait':
            device.wait()

    if fault == 'of the driver':
        fake.fail('cuStreamEndCapture', 901)
    with pytest.raises(EngineError, match=r'inside|capturing|during capture'):
        device.capture(work)
    buffer = device.allocate((4,), np.float32)
    buffer.host[:] = 2
    device.upload(buffer)
    buffer.host[:] = 0
    device.wait()
    device.download(buffer)
    device.wait()
    assert 'graphs' not in fake.alive()


def test_a_capture_in_one_thread_lets_another_allocate(device):
    other, done = CudaDevice(), threading.Event()

    def work():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(other.allocate, (4,), np.uint8).result()
        done.set()

    device.capture(work)
    other.close()
    assert done.is_set()


def test_full_memory_says_what_is_free(fake, device):
    fake.set_capacity(8 << 20)
    device.allocate((3 << 20,), np.uint8)
    with pytest.raises(EngineError, match=r'out of memory \(CUDA 2\), 5 of 8 MiB are free'):
        device.allocate((6 << 20,), np.uint8)


def test_what_a_stream_refuses_is_an_error_of_the_wait(fake, device):
    buffer = device.allocate((4,), np.uint8)
    device.upload(buffer)
    fake.lose(LOST)
    with pytest.raises(EngineError, match=r'illegal memory access was encountered \(CUDA 700\)'):
        device.wait()


def test_closing_frees_everything_and_may_be_done_twice(fake):
    device = CudaDevice()
    device.capture(lambda: None)
    device.allocate((1 << 16,), np.uint8)
    assert fake.alive() == {'memory': 1, 'pinned': 1, 'streams': 1, 'events': 1, 'execs': 1}
    device.close()
    device.close()
    assert fake.alive() == {}


# ---- engines on it: built, proven, cached, run ----

def test_an_engine_is_built_proven_and_run(machine, world, manifest, frames, is_right):
    backend = create_backend('tensorrt', manifest)
    assert backend.detail.endswith('CUDA graph')
    assert world.calls.count('build') == 1
    for frame in frames:
        assert is_right(backend.infer(frame), frame)
    backend.close()
    assert machine.alive() == {}
    backend = create_backend('tensorrt', manifest)
    assert is_right(backend.infer(frames[0]), frames[0])
    assert world.calls.count('build') == 1, 'the second one comes from the cache'
    backend.close()


def test_two_threads_run_two_slots(machine, manifest, frames, is_right):
    backend = create_backend('tensorrt', manifest)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            answers = list(pool.map(backend.infer, frames))
            assert all(map(is_right, answers, frames))
    assert machine.alive()['streams'] <= 2
    backend.close()


STARTING = (
    'cuDevicePrimaryCtxRetain', 'cuStreamCreate', 'cuEventCreate', 'cuMemHostAlloc',
    'cuMemAlloc_v2', 'cuMemsetD8Async', 'cuStreamSynchronize', 'cuMemcpyHtoDAsync_v2',
    'cuLaunchHostFunc', 'cuMemcpyDtoHAsync_v2', 'cuEventRecord', 'cuEventSynchronize')


@pytest.mark.parametrize('nth', [1, 2])
@pytest.mark.parametrize('function', STARTING)
def test_auto_works_whatever_fails_at_the_start(
        machine, manifest, frames, is_right, function, nth):
    cuda._primary_context.cache_clear()
    machine.fail(function, OUT_OF_MEMORY, nth=nth)
    backend = create_backend('auto', manifest)
    assert is_right(backend.infer(frames[0]), frames[0])
    backend.close()
    assert machine.alive() == {}


@pytest.mark.parametrize('function', [
    'cuStreamBeginCapture_v2', 'cuStreamEndCapture', 'cuGraphInstantiateWithFlags',
    'cuGraphLaunch'])
def test_without_a_graph_kernels_are_launched_one_by_one(
        machine, manifest, frames, is_right, function):
    machine.fail(function, 801)
    backend = create_backend('tensorrt', manifest)
    assert backend.detail.endswith('no CUDA graph')
    for frame in frames:
        assert is_right(backend.infer(frame), frame)
    backend.close()


def test_memory_that_is_full_names_the_model(machine, manifest):
    machine.set_capacity(1 << 10)
    with pytest.raises(EngineError, match=r'out of memory \(CUDA 2\)'):
        create_backend('tensorrt', manifest)


def test_a_gpu_that_is_lost_is_an_error_of_each_frame(machine, manifest, frames):
    backend = create_backend('tensorrt', manifest)
    machine.lose()
    for frame in frames[:2]:
        with pytest.raises(EngineError, match='illegal memory access'):
            backend.infer(frame)
    backend.close()
    assert machine.alive() == {}


@pytest.mark.parametrize('kind', ['Runtime', 'Builder', 'OnnxParser'])
def test_a_tensorrt_that_the_driver_is_too_old_for_is_named(
        fake, world, manifest, frames, is_right, monkeypatch, kind):
    def nothing(*_):
        raise TypeError('pybind11::init(): factory function returned nullptr')

    machine = fake.accelerator(world)
    setattr(machine.library.trt, kind, nothing)
    monkeypatch.setattr(registry, 'find_accelerator', lambda: machine)
    with pytest.raises(EngineError, match=r'returned nullptr.*Update the driver'):
        create_backend('tensorrt', manifest)
    backend = create_backend('auto', manifest)
    assert 'Update the driver' in backend.detail
    assert is_right(backend.infer(frames[0]), frames[0])
    backend.close()
