# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Memory, stream and graphs of the GPU. PyTorch gives them, and is imported nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hybrid_perception.exceptions import EngineError

Work = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Buffer:
    """A tensor on both sides.

    Attributes:
        host: View of the page-locked memory that the GPU reads and writes directly.
        address: Where the tensor lies on the GPU.
        owners: What keeps both alive.
    """

    host: NDArray[Any]
    address: int
    owners: tuple[Any, Any]


class Device(Protocol):
    """One stream of a GPU and memory for it. Everything but `wait` returns before it is done."""

    @property
    def stream(self) -> int:
        """Handle of the stream, as TensorRT takes it."""
        ...

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffer:
        """Allocate a tensor filled with zeros."""
        ...

    def upload(self, buffer: Buffer) -> None:
        """Copy from the host."""
        ...

    def download(self, buffer: Buffer) -> None:
        """Copy to the host."""
        ...

    def capture(self, work: Work) -> Work:
        """Record what `work` puts into the stream; return what puts all of it there at once."""
        ...

    def wait(self) -> None:
        """Wait for the stream; sleeps and leaves the GIL to others."""
        ...


def import_torch() -> Any:
    """Import PyTorch with CUDA.

    Raises:
        EngineError: It is missing, was built without CUDA, or finds no GPU.
    """
    try:
        import torch
    except ImportError as error:
        raise EngineError(
            f'PyTorch cannot be imported ({error}); it gives the memory of the GPU: install a '
            'build with CUDA'
        ) from error
    if not torch.cuda.is_available():
        raise EngineError(
            f'PyTorch {torch.__version__} cannot use the GPU (it was built for CUDA '
            f'{torch.version.cuda}); install a build that fits the driver'
        )
    return torch


class TorchDevice:
    """The first GPU that this process may use, through PyTorch."""

    def __init__(self) -> None:
        """Open a stream.

        Raises:
            EngineError: PyTorch is missing or cannot use the GPU.
        """
        self._torch = import_torch()
        self._device = self._torch.device('cuda', 0)
        self._stream = self._torch.cuda.Stream(self._device)
        # A blocking event: a waiting thread sleeps, instead of burning a core of the robot.
        self._done = self._torch.cuda.Event(blocking=True)

    @property
    def stream(self) -> int:
        """Handle of the stream, as TensorRT takes it."""
        return int(self._stream.cuda_stream)

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffer:
        """Allocate a tensor filled with zeros."""
        kind = getattr(self._torch, np.dtype(dtype).name)
        host = self._torch.zeros(shape, dtype=kind, pin_memory=True)
        device = self._torch.zeros(shape, dtype=kind, device=self._device)
        self._torch.cuda.synchronize(self._device)
        return Buffer(host.numpy(), int(device.data_ptr()), (host, device))

    def upload(self, buffer: Buffer) -> None:
        """Copy from the host."""
        host, device = buffer.owners
        with self._torch.cuda.stream(self._stream):
            device.copy_(host, non_blocking=True)

    def download(self, buffer: Buffer) -> None:
        """Copy to the host."""
        host, device = buffer.owners
        with self._torch.cuda.stream(self._stream):
            host.copy_(device, non_blocking=True)

    def capture(self, work: Work) -> Work:
        """Record what `work` puts into the stream; return what puts all of it there at once."""
        graph = self._torch.cuda.CUDAGraph()
        # thread_local: another camera's thread may allocate meanwhile.
        with self._torch.cuda.graph(
            graph, stream=self._stream, capture_error_mode='thread_local'
        ):
            work()

        def replay() -> None:
            with self._torch.cuda.stream(self._stream):
                graph.replay()

        return replay

    def wait(self) -> None:
        """Wait for the stream; sleeps and leaves the GIL to others."""
        self._done.record(self._stream)
        self._done.synchronize()
