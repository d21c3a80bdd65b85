# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The PyTorch side of the GPU, over a PyTorch whose GPU is the CPU's memory."""

from __future__ import annotations

import contextlib
import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from hybrid_perception.backends.device import TorchDevice

torch = pytest.importorskip('torch', reason='PyTorch is not installed')


@pytest.fixture
def calls(monkeypatch):
    """Let PyTorch take the CPU for a GPU; return what is asked of stream, event and graph."""
    calls, zeros = [], torch.zeros
    stream = SimpleNamespace(cuda_stream=4711)
    done = SimpleNamespace(record=lambda on: calls.append(('record', on is stream)),
                           synchronize=lambda: calls.append('synchronize'))

    @contextlib.contextmanager
    def on_stream(chosen):
        assert chosen is stream
        calls.append('on stream')
        yield

    @contextlib.contextmanager
    def capture(graph, stream, capture_error_mode):
        calls.append(('capture', stream.cuda_stream, capture_error_mode))
        yield

    def allocate(shape, *, dtype, pin_memory=False, device=None):
        calls.append(('pinned' if pin_memory else str(device), tuple(shape), dtype))
        return zeros(shape, dtype=dtype)

    monkeypatch.setattr(torch, 'zeros', allocate)
    for name, value in {
        'is_available': lambda: True, 'synchronize': lambda device: None,
        'Stream': lambda device: stream, 'stream': on_stream, 'graph': capture,
        'Event': lambda blocking: done,
        'CUDAGraph': lambda: SimpleNamespace(replay=lambda: calls.append('replay')),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    return calls


def test_a_tensor_has_two_sides(calls):
    device = TorchDevice()
    buffer = device.allocate((1, 2, 3), np.float32)
    assert calls == [('pinned', (1, 2, 3), torch.float32), ('cuda:0', (1, 2, 3), torch.float32)]
    assert buffer.address == buffer.owners[1].data_ptr()
    assert (buffer.host.shape, buffer.host.dtype) == ((1, 2, 3), np.float32)
    buffer.host[:] = 5
    assert buffer.owners[1].sum() == 0
    device.upload(buffer)
    assert buffer.owners[1].sum() == 30
    buffer.owners[1].fill_(2)
    device.download(buffer)
    assert buffer.host.sum() == 12
    assert calls[2:] == ['on stream', 'on stream']


def test_capture_and_wait_use_the_one_stream(calls):
    device = TorchDevice()
    assert device.stream == 4711
    replay = device.capture(lambda: calls.append('work'))
    replay()
    device.wait()
    assert calls == [('capture', 4711, 'thread_local'), 'work', 'on stream', 'replay',
                     ('record', True), 'synchronize']


def test_images_are_bytes(calls):
    TorchDevice().allocate((1, 2, 2, 3), np.uint8)
    assert calls[0][2] is torch.uint8


def test_the_real_pytorch_has_what_is_used():
    words = inspect.signature(torch.cuda.graph.__init__).parameters
    assert {'cuda_graph', 'stream', 'capture_error_mode'} <= set(words)
    assert 'blocking' in inspect.signature(torch.cuda.Event.__new__).parameters
    for name in ('CUDAGraph', 'Stream', 'stream', 'synchronize', 'is_available'):
        assert hasattr(torch.cuda, name)
    assert {'replay'} <= set(dir(torch.cuda.CUDAGraph))
