# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The GPU and its driver, asked through the driver's own library: no other package is needed."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from hybrid_perception.exceptions import EngineError

DRIVER_LIBRARY = 'libcuda.so.1'
# CUdevice_attribute, cuda.h
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
_NAME_BYTES = 256


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU.

    Attributes:
        name: As the driver calls it.
        compute_capability: For example 8.7.
        driver: Newest CUDA version that the driver runs, for example 12.6.
    """

    name: str
    compute_capability: str
    driver: str


def find_gpu() -> Gpu:
    """Return the first GPU that this process may use (see CUDA_VISIBLE_DEVICES).

    Raises:
        EngineError: There is no driver, no GPU, or it does not answer.
    """
    try:
        cuda = ctypes.CDLL(DRIVER_LIBRARY)
    except OSError as error:
        raise EngineError(
            f'no NVIDIA driver ({DRIVER_LIBRARY} cannot be loaded); install the driver, or in a '
            'container pass the GPU on'
        ) from error
    count = ctypes.c_int()
    status = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    if status or count.value < 1:
        raise EngineError(
            f'the NVIDIA driver finds no GPU (CUDA status {status}); look at nvidia-smi and '
            'CUDA_VISIBLE_DEVICES'
        )
    return _describe(cuda)


def _describe(cuda: Any) -> Gpu:
    version, device = ctypes.c_int(), ctypes.c_int()
    major, minor = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    status = (
        cuda.cuDriverGetVersion(ctypes.byref(version))
        or cuda.cuDeviceGet(ctypes.byref(device), 0)
        or cuda.cuDeviceGetName(name, _NAME_BYTES, device)
        or cuda.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
        or cuda.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device)
    )
    if status:
        raise EngineError(f'the NVIDIA driver does not describe its GPU (CUDA status {status})')
    return Gpu(
        name=name.value.decode('utf-8', 'replace'),
        compute_capability=f'{major.value}.{minor.value}',
        driver=f'{version.value // 1000}.{version.value % 1000 // 10}',
    )
