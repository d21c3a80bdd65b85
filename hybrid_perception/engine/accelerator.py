# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT needs of the machine: driver, GPU, package, memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hybrid_perception.backends.cuda import CudaDevice, Device, Gpu, find_gpu
from hybrid_perception.backends.tensorrt_library import TensorRt, load_tensorrt


@dataclass(frozen=True)
class Accelerator:
    """A GPU with all that is needed to run TensorRT on it.

    Attributes:
        gpu: The GPU.
        library: TensorRT.
        open_device: Makes a stream on the GPU.
    """

    gpu: Gpu
    library: TensorRt
    open_device: Callable[[], Device]


def find_accelerator() -> Accelerator:
    """Look for all that TensorRT needs.

    Without a GPU nothing large is imported.

    Raises:
        EngineError: Driver, GPU or TensorRT is missing; the message says what to install.
    """
    return Accelerator(find_gpu(), load_tensorrt(), CudaDevice)
