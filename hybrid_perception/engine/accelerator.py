# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT needs of the machine: driver, GPU, package, memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hybrid_perception.backends.device import Device, TorchDevice, import_torch
from hybrid_perception.backends.tensorrt_library import TensorRt, load_tensorrt
from hybrid_perception.engine.gpu import Gpu, find_gpu
from hybrid_perception.exceptions import EngineError


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
        EngineError: Something is missing; the message names everything that is.
    """
    gpu = find_gpu()
    found: list[Any] = []
    problems = []
    for look in (load_tensorrt, import_torch):
        try:
            found.append(look())
        except EngineError as error:
            problems.append(str(error))
    if problems:
        raise EngineError('; '.join(problems))
    return Accelerator(gpu, found[0], TorchDevice)
