# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The GPU through its driver's own library, libcuda: no other package is needed.

Names, flags and numbers are those of the CUDA driver API (cuda.h). Functions with a `_v2` are what
the header makes of the plain names. Everything used is in drivers for CUDA 11.4 and later.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from dataclasses import dataclass
from functools import cache
import logging
import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hybrid_perception.exceptions import EngineError

DRIVER_LIBRARY = 'libcuda.so.1'

Work = Callable[[], None]

_LOGGER = logging.getLogger(__name__)
_NAME_BYTES = 256
# CUdevice_attribute
_MULTIPROCESSORS, _INTEGRATED, _CAPABILITY_MAJOR, _CAPABILITY_MINOR = 16, 18, 75, 76
# CUstream_flags, CUevent_flags, CUstreamCaptureMode, CUresult
_NON_BLOCKING = 1
_BLOCKING_SYNC, _DISABLE_TIMING = 1, 2
_CAPTURE_THREAD_LOCAL = 1
_OUT_OF_MEMORY = 2

_handle = ctypes.c_void_p
_out = ctypes.c_void_p
_address = ctypes.c_ulonglong
_FUNCTIONS: dict[str, tuple[type, ...]] = {
    'cuInit': (ctypes.c_uint,),
    'cuDriverGetVersion': (_out,),
    'cuGetErrorString': (ctypes.c_int, _out),
    'cuDeviceGetCount': (_out,),
    'cuDeviceGet': (_out, ctypes.c_int),
    'cuDeviceGetName': (ctypes.c_char_p, ctypes.c_int, ctypes.c_int),
    'cuDeviceGetAttribute': (_out, ctypes.c_int, ctypes.c_int),
    'cuDevicePrimaryCtxRetain': (_out, ctypes.c_int),
    'cuCtxSetCurrent': (_handle,),
    'cuMemGetInfo_v2': (_out, _out),
    'cuMemAlloc_v2': (_out, ctypes.c_size_t),
    'cuMemFree_v2': (_address,),
    'cuMemHostAlloc': (_out, ctypes.c_size_t, ctypes.c_uint),
    'cuMemFreeHost': (_handle,),
    'cuMemsetD8Async': (_address, ctypes.c_ubyte, ctypes.c_size_t, _handle),
    'cuMemcpyHtoDAsync_v2': (_address, _handle, ctypes.c_size_t, _handle),
    'cuMemcpyDtoHAsync_v2': (_handle, _address, ctypes.c_size_t, _handle),
    'cuStreamCreate': (_out, ctypes.c_uint),
    'cuStreamSynchronize': (_handle,),
    'cuStreamDestroy_v2': (_handle,),
    'cuStreamBeginCapture_v2': (_handle, ctypes.c_int),
    'cuStreamEndCapture': (_handle, _out),
    'cuGraphInstantiateWithFlags': (_out, _handle, ctypes.c_ulonglong),
    'cuGraphDestroy': (_handle,),
    'cuGraphLaunch': (_handle, _handle),
    'cuGraphExecDestroy': (_handle,),
    'cuEventCreate': (_out, ctypes.c_uint),
    'cuEventRecord': (_handle, _handle),
    'cuEventSynchronize': (_handle,),
    'cuEventDestroy_v2': (_handle,),
}


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU.

    Attributes:
        name: As the driver calls it.
        compute_capability: For example 8.7.
        driver: Newest CUDA version that the driver runs, for example 12.6.
        multiprocessors: How many; tells modules of one name apart (Orin AGX and NX).
        integrated: Whether it shares its memory with the CPU, as on a Jetson.
    """

    name: str
    compute_capability: str
    driver: str
    multiprocessors: int = 0
    integrated: bool = False


@dataclass(frozen=True, eq=False)
class Buffer:
    """A tensor on both sides; valid until its device is closed.

    Attributes:
        host: View of the page-locked memory that the GPU reads and writes directly.
        address: Where the tensor lies on the GPU.
    """

    host: NDArray[Any]
    address: int


class Device(Protocol):
    """One stream of a GPU and memory for it.

    What is put into the stream (copies, graphs) returns before it is done; `wait` waits for it.
    """

    @property
    def stream(self) -> int:
        """Handle of the stream (CUstream, which is cudaStream_t too), as TensorRT takes it."""
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

    def close(self) -> None:
        """Give back stream, graphs and memory; the second time does nothing."""
        ...


class Driver:
    """libcuda, initialised. ctypes releases the GIL during every call."""

    def __init__(self, library: str) -> None:
        """Load the library.

        Raises:
            EngineError: There is no driver, it is too old, or it finds no GPU.
        """
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise EngineError(
                f'no NVIDIA driver ({library} cannot be loaded); install the driver, or in a '
                'container pass the GPU on'
            ) from error
        for name, arguments in _FUNCTIONS.items():
            try:
                getattr(self._library, name).argtypes = arguments
            except AttributeError as error:
                raise EngineError(
                    f'the NVIDIA driver has no {name}; it is too old, CUDA 11.4 or later is '
                    'needed') from error
        count = ctypes.c_int()
        status = self._library.cuInit(0) or self._library.cuDeviceGetCount(ctypes.byref(count))
        if status or count.value < 1:
            raise EngineError(
                f'the NVIDIA driver finds no GPU (CUDA status {status}); look at nvidia-smi and '
                'CUDA_VISIBLE_DEVICES'
            )

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function.

        Raises:
            EngineError: It failed; the message is the driver's.
        """
        status = getattr(self._library, name)(*arguments)
        if status:
            raise EngineError(f'{name} failed: {self.explain(status)}')

    def get(self, name: str, *arguments: Any, kind: Any = ctypes.c_int) -> Any:
        """Call a function whose first argument points to its answer; return the answer."""
        answer = kind()
        self.call(name, ctypes.byref(answer), *arguments)
        return answer.value

    def try_call(self, name: str, *arguments: Any) -> None:
        """Call a function that frees something: of a GPU that is lost there is nothing to free."""
        status = getattr(self._library, name)(*arguments)
        if status:
            _LOGGER.debug('%s failed: %s', name, self.explain(status))

    def explain(self, status: int) -> str:
        """Return a CUresult in words; where memory is short, with what is free."""
        text = ctypes.c_char_p()
        self._library.cuGetErrorString(status, ctypes.byref(text))
        words = f'{(text.value or b"unknown error").decode("utf-8", "replace")} (CUDA {status})'
        if status == _OUT_OF_MEMORY:
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            if not self._library.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)):
                words += f', {free.value >> 20} of {total.value >> 20} MiB are free'
        return words


@cache
def open_driver(library: str) -> Driver:
    """Return the driver of this process.

    Raises:
        EngineError: as `Driver`.
    """
    return Driver(library)


@cache
def _primary_context(driver: Driver) -> int:
    """Return the context that the CUDA runtime, and with it TensorRT, uses of the first GPU.

    It is kept as long as the process lives: releasing it would take it from TensorRT as well.
    """
    device = driver.get('cuDeviceGet', 0)
    return int(driver.get('cuDevicePrimaryCtxRetain', device, kind=_handle))


def find_gpu() -> Gpu:
    """Return the first GPU that this process may use (see CUDA_VISIBLE_DEVICES).

    Raises:
        EngineError: There is no driver, no GPU, or it does not answer.
    """
    driver = open_driver(DRIVER_LIBRARY)
    try:
        version = driver.get('cuDriverGetVersion')
        device = driver.get('cuDeviceGet', 0)
        name = ctypes.create_string_buffer(_NAME_BYTES)
        driver.call('cuDeviceGetName', name, _NAME_BYTES, device)
        major, minor, multiprocessors, integrated = (
            driver.get('cuDeviceGetAttribute', attribute, device) for attribute in (
                _CAPABILITY_MAJOR, _CAPABILITY_MINOR, _MULTIPROCESSORS, _INTEGRATED))
    except EngineError as error:
        raise EngineError(f'the NVIDIA driver does not describe its GPU: {error}') from error
    return Gpu(
        name=name.value.decode('utf-8', 'replace'),
        compute_capability=f'{major}.{minor}',
        driver=f'{version // 1000}.{version % 1000 // 10}',
        multiprocessors=multiprocessors,
        integrated=bool(integrated),
    )


class CudaDevice:
    """The first GPU that this process may use. One thread at a time uses one of these."""

    def __init__(self) -> None:
        """Open a stream.

        Raises:
            EngineError: There is no driver, no GPU, or it takes no stream.
        """
        self._driver = open_driver(DRIVER_LIBRARY)
        self._context = _primary_context(self._driver)
        self._owned: list[tuple[str, int]] = []
        try:
            self.stream = self._own('cuStreamDestroy_v2', 'cuStreamCreate', _NON_BLOCKING)
            # A blocking event: a waiting thread sleeps, instead of burning a core of the robot.
            self._done = self._own(
                'cuEventDestroy_v2', 'cuEventCreate', _BLOCKING_SYNC | _DISABLE_TIMING)
        except EngineError:
            self.close()
            raise

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> Buffer:
        """Allocate a tensor filled with zeros.

        Raises:
            EngineError: The memory of host or GPU is short.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        pinned = self._own('cuMemFreeHost', 'cuMemHostAlloc', size, 0)
        address = self._own('cuMemFree_v2', 'cuMemAlloc_v2', size, kind=_address)
        memory: Any = (ctypes.c_ubyte * size).from_address(pinned)
        host: NDArray[Any] = np.frombuffer(memory, dtype).reshape(shape)
        host[...] = 0
        self._call('cuMemsetD8Async', address, 0, size, self.stream)
        self._call('cuStreamSynchronize', self.stream)
        return Buffer(host, address)

    def upload(self, buffer: Buffer) -> None:
        """Copy from the host."""
        host = buffer.host
        self._call(
            'cuMemcpyHtoDAsync_v2', buffer.address, host.ctypes.data, host.nbytes, self.stream)

    def download(self, buffer: Buffer) -> None:
        """Copy to the host."""
        host = buffer.host
        self._call(
            'cuMemcpyDtoHAsync_v2', host.ctypes.data, buffer.address, host.nbytes, self.stream)

    def capture(self, work: Work) -> Work:
        """Record what `work` puts into the stream; return what puts all of it there at once.

        Raises:
            EngineError: What was put there cannot be recorded. The stream can be used on.
        """
        # thread_local: another camera's thread may allocate meanwhile.
        self._call('cuStreamBeginCapture_v2', self.stream, _CAPTURE_THREAD_LOCAL)
        graph = _handle()
        try:
            work()
        except BaseException:
            # Ends the capture, and with it what the stream refuses during one.
            self._driver.try_call('cuStreamEndCapture', self.stream, ctypes.byref(graph))
            if graph.value:
                self._driver.try_call('cuGraphDestroy', graph)
            raise
        self._call('cuStreamEndCapture', self.stream, ctypes.byref(graph))
        try:
            launchable = self._own(
                'cuGraphExecDestroy', 'cuGraphInstantiateWithFlags', graph, 0)
        finally:
            self._driver.try_call('cuGraphDestroy', graph)
        return lambda: self._call('cuGraphLaunch', launchable, self.stream)

    def wait(self) -> None:
        """Wait for the stream; sleeps and leaves the GIL to others.

        Raises:
            EngineError: Something that was put into the stream failed.
        """
        self._call('cuEventRecord', self._done, self.stream)
        self._call('cuEventSynchronize', self._done)

    def close(self) -> None:
        """Give back stream, graphs and memory, the newest first; the second time does nothing.

        The stream must have nothing to do: wait before.
        """
        self._driver.try_call('cuCtxSetCurrent', self._context)
        while self._owned:
            self._driver.try_call(*self._owned.pop())

    def _call(self, name: str, *arguments: Any) -> None:
        # The context belongs to a thread, and any thread may come.
        self._driver.call('cuCtxSetCurrent', self._context)
        self._driver.call(name, *arguments)

    def _own(self, free: str, make: str, *arguments: Any, kind: Any = _handle) -> int:
        self._driver.call('cuCtxSetCurrent', self._context)
        made = int(self._driver.get(make, *arguments, kind=kind))
        self._owned.append((free, made))
        return made
