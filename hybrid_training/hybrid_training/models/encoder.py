# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Any encoder of timm that gives maps at strides 4, 8, 16 and 32."""

from __future__ import annotations

import difflib

import torch
from torch import nn

from hybrid_training.exceptions import NetworkError
from hybrid_training.models.efficientnet_lite import (
    LITE_ENCODERS,
    LITE_MEAN,
    LITE_STD,
    set_batch_norm_eps,
)
from hybrid_training.models.encoder_weights import load_encoder_weights
from hybrid_training.models.timm_import import import_timm

DEFAULT_ENCODER = 'efficientnet_lite0'
FINE_STRIDES = (4, 8, 16)
_PROBE = (64, 96)


class TimmEncoder(nn.Module):
    """Features of a timm network at strides 4, 8, 16 and `output_stride`.

    Args:
        name: timm's name, with or without its weights tag.
        pretrained: start from ImageNet weights; False leaves random weights.
        weights: where they come from, see `encoder_weights`.
        output_stride: of the coarsest map, 32 or 16.

    Attributes:
        channels: of the four maps, finest first.
        strides: of the four maps.

    Raises:
        FileNotFoundError: the package with the weights of an EfficientNet-Lite is not installed.
        NetworkError: no such encoder, no such maps, or no weights.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
            self, name: str = DEFAULT_ENCODER, *, pretrained: bool = True,
            weights: str | None = None, output_stride: int = 32) -> None:
        super().__init__()
        self.strides = (*FINE_STRIDES, output_stride)
        self.features = _feature_network(name, output_stride)
        self._chosen, self.channels = _choose_maps(self.features, name, self.strides)
        if name in LITE_ENCODERS:
            set_batch_norm_eps(self.features)
            mean, std = LITE_MEAN, LITE_STD
        else:
            given = self.features.pretrained_cfg
            mean, std = (tuple(255 * v for v in given[k]) for k in ('mean', 'std'))
        # Not in the state dict: they follow from the encoder's name.
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)
        self._check_maps(name)
        if pretrained:
            load_encoder_weights(self.features, name, weights)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Encode RGB images (N, 3, H, W), float32 in 0..255, H and W multiples of 32.

        Returns:
            Four maps (N, C, H/s, W/s), s as in `strides`, C as in `channels`.
        """
        maps = self.features((image - self.mean) / self.std)
        return [maps[index] for index in self._chosen]

    def layers_to(self, stride: int) -> list[nn.Module]:
        """Return the layers that make the map of a stride, in the order of the network.

        Raises:
            ValueError: there is no map of this stride.
        """
        if stride not in self.strides:
            msg = f'stride: want one of {", ".join(map(str, self.strides))}, got {stride}'
            raise ValueError(msg)
        last = self.features.feature_info.module_name(self._chosen[self.strides.index(stride)])
        layers, parent = [], self.features
        for depth in range(len(path := last.split('.'))):
            for name, child in parent.named_children():
                if name == path[depth]:
                    break
                layers.append(child)
            parent = child
        return [*layers, parent]

    def _check_maps(self, name: str) -> None:
        """Hold what timm says of the maps against what comes (windows, NHWC, fixed sizes)."""
        wanted = [(1, c, *(n // s for n in _PROBE))
                  for c, s in zip(self.channels, self.strides, strict=True)]
        training = self.features.training
        try:
            with torch.no_grad():
                maps = self.eval()(torch.zeros(1, 3, *_PROBE))
        except (RuntimeError, AssertionError, ValueError) as error:
            msg = (f'encoder {name} does not take pictures of any size in multiples of 32 '
                   f'({error}); take a convolutional one, for example {DEFAULT_ENCODER}')
            raise NetworkError(msg) from error
        self.train(training)
        if [tuple(m.shape) for m in maps] != wanted:
            msg = (f'encoder {name} gives maps {[tuple(m.shape) for m in maps]}, want {wanted} '
                   f'(NCHW); take another, for example {DEFAULT_ENCODER}')
            raise NetworkError(msg)


def _feature_network(name: str, output_stride: int) -> nn.Module:
    timm = import_timm()
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=4, cutoff=0.5)
        hint = f'near are {", ".join(near)}' if near else 'see timm.list_models()'
        msg = f'model.encoder: timm has no {name!r}; {hint}'
        raise NetworkError(msg)
    options = {} if output_stride == 32 else {'output_stride': output_stride}
    try:
        network: nn.Module = timm.create_model(
            name, pretrained=False, features_only=True, **options)
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AssertionError,
            AttributeError, KeyError) as error:
        wish = f' at output stride {output_stride}; set model.output_stride: 32' if options else ''
        msg = f'encoder {name} gives no feature maps{wish} ({type(error).__name__}: {error})'
        raise NetworkError(msg) from error
    return network


def _choose_maps(
        features: nn.Module, name: str, strides: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return index and channels of the maps at the wanted strides."""
    found = features.feature_info.reduction()
    chosen = tuple(i for i, stride in enumerate(found) if stride in strides)[-len(strides):]
    if tuple(found[i] for i in chosen) != strides:
        wish = ', set model.output_stride: 32' if strides[-1] != 32 else ''
        msg = (f'encoder {name} gives maps at strides {", ".join(map(str, found))}; want '
               f'{", ".join(map(str, strides))}: take another{wish}')
        raise NetworkError(msg)
    channels = features.feature_info.channels()
    return chosen, tuple(channels[i] for i in chosen)
