# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where a network is trained, and in which number format its layers compute."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from hybrid_training.config import DeviceName, Precision
from hybrid_training.exceptions import ConfigError

_DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}


def choose_device(name: DeviceName) -> torch.device:
    """Return the device of a configuration; auto = a CUDA GPU where there is one.

    Raises:
        ConfigError: `cuda` where PyTorch finds no GPU.
    """
    if name == 'cuda' and not torch.cuda.is_available():
        build = torch.version.cuda
        msg = (f'device: cuda is asked for, but PyTorch {torch.__version__} '
               + (f'(CUDA {build}) finds no GPU' if build else 'is a build without CUDA')
               + '; use device: auto or cpu')
        raise ConfigError(msg)
    return torch.device('cuda' if name != 'cpu' and torch.cuda.is_available() else 'cpu')


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return a context in which layers that bear it compute in the lower precision.

    Weights, gradients and everything outside the context stay fp32.
    """
    if precision == 'fp32':
        return nullcontext()
    return torch.autocast(device.type, dtype=_DTYPES[precision])


def gradient_scaler(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Return a scaler that keeps small fp16 gradients above zero; idle in other precisions."""
    return torch.amp.GradScaler(device.type, enabled=precision == 'fp16')
