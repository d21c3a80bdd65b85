# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Two frames at a time on a stand-in of the GPU: what overlaps, what fails, what is freed."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
import threading

import numpy as np
import pytest
from tensorrt_stand_in import World

from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.backends.tensorrt_backend import TensorRtBackend
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import load_manifest

FIRST, SECOND = 77, 78
ONE_FRAME = ['upload', 'graph', 'download', 'download', 'wait']
START = [*3 * ['allocate'], 'upload', 'enqueue', 'download', 'download', 'wait', 'enqueue',
         *ONE_FRAME]
PATIENCE = 60.0


class Gates:
    """Holds whoever waits for one of the closed streams, as a GPU that is not done yet."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed: set[int] = set()
        self._waiting: set[int] = set()

    def __call__(self, stream: int) -> None:
        with self._changed:
            self._waiting.add(stream)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: stream not in self._closed, PATIENCE)
            self._waiting.discard(stream)

    def close(self, *streams: int) -> None:
        with self._changed:
            self._closed.update(streams)

    def open(self) -> None:
        with self._changed:
            self._closed.clear()
            self._changed.notify_all()

    def await_visit(self, stream: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: stream in self._waiting, PATIENCE)


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


@pytest.fixture
def gates():
    gates = Gates()
    yield gates
    gates.open()


@pytest.fixture
def world(gates):
    return World(gate=gates)


@pytest.fixture
def make_backend(manifest, world):
    def make():
        machine = world.accelerator()
        return TensorRtBackend(
            manifest, b'plan of 10.3.0;' + manifest.onnx_path.read_bytes(), machine.library,
            machine.open_device)

    return make


@pytest.fixture
def backend(make_backend):
    return make_backend()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def frames():
    return np.random.default_rng(1).integers(0, 256, (4, 1, 32, 64, 3), dtype=np.uint8)


@pytest.fixture
def is_right(manifest):
    """Make a function that says whether an answer is that of the model."""
    reference = OnnxRuntimeBackend(manifest, threads=1)

    def check(answer, frame) -> bool:
        return all(np.array_equal(mine, true)
                   for mine, true in zip(answer, reference.infer(frame), strict=True))

    return check


def hold(stream, frame, *, backend, pool, gates) -> Future:
    """Start a call that stays inside, in the wait of a stream."""
    gates.close(stream)
    future = pool.submit(backend.infer, frame)
    gates.await_visit(stream)
    return future


@pytest.fixture
def held(backend, pool, gates, frames):
    """Start a call on the first slot that stays inside until the gates open."""
    return hold(FIRST, frames[0], backend=backend, pool=pool, gates=gates)


def test_a_frame_is_put_on_the_gpu_and_answered_while_another_computes(
        held, backend, world, gates, frames, is_right):
    started = len(world.devices[FIRST].calls)
    assert is_right(backend.infer(frames[1]), frames[1])
    assert not held.done()
    assert len(world.devices[FIRST].calls) == started, 'each is on a stream of its own'
    gates.open()
    assert is_right(held.result(PATIENCE), frames[0])
    assert world.devices[FIRST].calls == START + ONE_FRAME
    assert world.devices[SECOND].calls == START + ONE_FRAME, 'with a graph of its own'


def test_one_caller_pays_for_one_slot(backend, world, pool, frames, is_right):
    for frame in frames:
        assert is_right(backend.infer(frame), frame)
        assert is_right(pool.submit(backend.infer, frame).result(PATIENCE), frame)
    assert (len(world.devices), world.contexts) == (1, 1)
    assert world.calls.count('allocate') == 3


def test_the_second_slot_is_made_once(held, backend, world, gates, frames):
    for frame in frames[1:]:
        backend.infer(frame)
    assert world.devices[SECOND].calls == START + 3 * ONE_FRAME
    gates.open()
    held.result(PATIENCE)
    for frame in frames:
        backend.infer(frame)
    assert len(world.devices) == world.contexts == 2


def test_a_third_caller_waits_for_a_free_slot(held, backend, world, pool, gates, frames, is_right):
    backend.infer(frames[1])
    second = hold(SECOND, frames[1], backend=backend, pool=pool, gates=gates)
    third = pool.submit(backend.infer, frames[2])
    gates.open()
    for future, frame in zip((held, second, third), frames, strict=False):
        assert is_right(future.result(PATIENCE), frame)
    assert world.contexts == 2


def test_many_threads_get_each_their_own_answers(backend, world, pool, frames, is_right):
    def run(frame) -> bool:
        return all(is_right(backend.infer(frame), frame) for _ in range(25))

    assert all(pool.map(run, frames))
    assert world.contexts <= backend.concurrent_calls


@pytest.mark.parametrize('fault', ['out of memory', 'context', 'wait'])
def test_where_the_second_does_not_fit_one_slot_serves_both(
        held, backend, world, pool, gates, frames, is_right, caplog, fault):
    world.faults[fault] = -1
    second = pool.submit(backend.infer, frames[1])
    while not caplog.records:  # until the second is told that there is no room
        assert not second.done()
    gates.open()
    world.faults.clear()
    assert is_right(held.result(PATIENCE), frames[0])
    assert is_right(second.result(PATIENCE), frames[1])
    assert world.contexts == 1
    assert 'runs one frame at a time, copies and computation do not overlap' in caplog.text
    made = len(world.devices)
    assert all(pool.map(lambda frame: is_right(backend.infer(frame), frame), frames))
    assert len(world.devices) == made, 'it is not tried per frame'


@pytest.mark.parametrize('graphs', [True, False])
def test_a_slot_that_fails_is_made_anew_and_the_other_goes_on(
        make_backend, world, pool, gates, frames, is_right, graphs):
    world.faults['capture'] = 0 if graphs else -1
    backend = make_backend()
    held = hold(FIRST, frames[0], backend=backend, pool=pool, gates=gates)
    backend.infer(frames[1])
    world.faults['wait' if graphs else 'enqueue'] = 1
    with pytest.raises(EngineError, match='illegal memory access' if graphs else 'refused to run'):
        backend.infer(frames[1])
    assert world.contexts == 1, 'what failed is freed'
    assert is_right(backend.infer(frames[2]), frames[2])
    assert len(world.devices) == 3
    gates.open()
    assert is_right(held.result(PATIENCE), frames[0])
    assert world.contexts == 2


def test_an_only_slot_that_failed_is_made_anew_or_the_error_is_told(
        backend, world, frames, is_right):
    world.faults['wait'] = 1
    with pytest.raises(EngineError, match='illegal memory access'):
        backend.infer(frames[0])
    world.faults['context'] = 1
    with pytest.raises(EngineError, match='is its memory full'):
        backend.infer(frames[0])
    assert world.contexts == 0
    assert is_right(backend.infer(frames[0]), frames[0])


def test_close_lets_the_calls_inside_end_and_nobody_in(
        held, backend, world, pool, gates, frames, is_right):
    backend.infer(frames[1])
    second = hold(SECOND, frames[1], backend=backend, pool=pool, gates=gates)
    waiting = pool.submit(backend.infer, frames[2])
    closing = pool.submit(backend.close)
    with pytest.raises(EngineError, match='was closed'):
        waiting.result(PATIENCE)
    with pytest.raises(EngineError, match='was closed'):
        backend.infer(frames[3])
    assert not closing.done()
    assert world.contexts == 2, 'memory that the GPU still writes to is not freed'
    gates.open()
    assert is_right(held.result(PATIENCE), frames[0])
    assert is_right(second.result(PATIENCE), frames[1])
    closing.result(PATIENCE)
    assert world.contexts == 0


def test_close_does_not_wait_for_a_call_that_fails(held, backend, world, pool, gates, frames):
    world.devices[FIRST].queue.append(lambda: 1 / 0)
    closing = pool.submit(backend.close)
    gates.open()
    with pytest.raises(EngineError, match='division by zero'):
        held.result(PATIENCE)
    closing.result(PATIENCE)
    assert world.contexts == 0


def test_nothing_is_allocated_while_a_graph_is_captured(make_backend, world, pool):
    world.capture_seconds = 0.05  # time for the others to come to their allocation
    backends = list(pool.map(lambda _: make_backend(), range(4)))
    assert [backend.detail for backend in backends] == 4 * ['CUDA graph']
