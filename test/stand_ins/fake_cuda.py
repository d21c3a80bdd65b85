# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Compiles the fake libcuda, sets its faults, counts what is alive in it, and runs TensorRT on it.

The TensorRT of `tensorrt_stand_in` computes here as a real one does: as work of the stream, in the
stream's own thread, on addresses of the "GPU".
"""

from __future__ import annotations

import ctypes
from pathlib import Path
import shutil
import subprocess
from typing import Any

import numpy as np
import tensorrt_stand_in
from tensorrt_stand_in import World, make_module

from hybrid_perception.backends.cuda import CudaDevice, find_gpu
from hybrid_perception.backends.tensorrt_library import TensorRt, make_logger
from hybrid_perception.engine.accelerator import Accelerator

SOURCE = Path(__file__).with_name('fake_libcuda.c')
KINDS = ('memory', 'pinned', 'streams', 'events', 'graphs', 'execs')
OUT_OF_MEMORY, LOST = 2, 700

_HostFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def compile_fake(folder: Path) -> Path | None:
    """Compile the library; None where there is no C compiler."""
    compiler = shutil.which('cc')
    if compiler is None:
        return None
    library = folder / 'libcuda.so.1'
    subprocess.run(
        [compiler, '-shared', '-fPIC', '-fvisibility=hidden', '-pthread', '-Wall', '-Werror',
         '-O1', '-o', library, SOURCE], check=True)
    return library


class FakeCuda:
    """One loaded fake library."""

    def __init__(self, library: Path) -> None:
        self.path = str(library)
        self._library = ctypes.CDLL(self.path)
        self._library.fake_memory.restype = ctypes.c_void_p
        self._library.fake_memory.argtypes = [ctypes.c_ulonglong]
        self._library.fake_capacity.argtypes = [ctypes.c_size_t]
        self._library.cuLaunchHostFunc.argtypes = [
            ctypes.c_void_p, _HostFunction, ctypes.c_void_p]

    def alive(self) -> dict[str, int]:
        """Return how many of each kind of thing are not freed, those that are 0 left out."""
        counts = {kind: self._library.fake_live(i) for i, kind in enumerate(KINDS)}
        return {kind: count for kind, count in counts.items() if count}

    def fail(self, function: str, status: int, *, nth: int = 1) -> None:
        """Let the nth call of a function from now on fail."""
        self._library.fake_fail(function.encode(), nth, status)

    def lose(self, status: int = LOST) -> None:
        """Let everything from now on fail, as a GPU does that has an illegal access behind it."""
        self._library.fake_lose(status)

    def reset(self) -> None:
        """Take all faults back."""
        self._library.fake_fail(b'', 0, 0)
        self._library.fake_lose(0)
        self._library.fake_capacity(0)

    def set_capacity(self, size: int) -> None:
        """Let the GPU have this many bytes."""
        self._library.fake_capacity(size)

    def view(self, address: int, shape: Any, dtype: Any) -> np.ndarray:
        """Return memory of the GPU as an array."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = (ctypes.c_uint8 * size).from_address(self._library.fake_memory(address))
        return np.frombuffer(memory, dtype).reshape(shape)

    def accelerator(self, world: World) -> Accelerator:
        """Return the machine: the product's own layers over this library, TensorRT's stand-in."""
        fake = self

        class Context(tensorrt_stand_in.Context):
            def __init__(self, engine: Any) -> None:
                super().__init__(engine)
                self._work = _HostFunction(lambda _: self._compute())

            def execute_async_v3(self, stream_handle: int) -> bool:
                if world.fails('enqueue'):
                    return False
                return not fake._library.cuLaunchHostFunc(stream_handle, self._work, None)

            def _view(self, name: str, shape: Any, dtype: Any) -> np.ndarray:
                return fake.view(self._addresses[name], shape, dtype)

        trt = make_module(world, Context)
        return Accelerator(
            find_gpu(), TensorRt(trt, 'tensorrt', world.version, make_logger(trt)), CudaDevice)
