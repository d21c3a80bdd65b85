# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Any dense network of one's own, with a dataset-posterior head beside its class head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn import functional

from hybrid_training.exceptions import NetworkError
from hybrid_training.models.dense_hybrid import DenseHybridNet, HybridLogits

STRIDE = 4
FeatureFunction = Callable[[nn.Module, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
_PROBE = (64, 96)


class UpgradedNet(nn.Module):
    """A network and the head that `upgrade` adds.

    Attributes:
        encoder: the network as it came, class head included; under this name training gives it
            the encoder's learning rate, or leaves it as it is.
        dataset_head: the new head, a 1x1 convolution to one logit.
        num_classes: K, seen from the logits.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
            self, network: nn.Module, feature: str | FeatureFunction, channels: int, *,
            logits: str | None, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.encoder = network
        self.dataset_head = nn.Conv2d(channels, 1, 1)
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self._feature = feature
        self._logits = logits
        self.num_classes = self._probe(channels)

    def forward(self, image: torch.Tensor) -> HybridLogits:
        """Score RGB images (N, 3, H, W), float32 in 0..255, H and W multiples of 32.

        Both maps come at stride 4, resampled bilinearly where the network's are at another.
        """
        feature, logits = self._maps((image - self.mean) / self.std)
        size = (image.shape[-2] // STRIDE, image.shape[-1] // STRIDE)
        return HybridLogits(
            _at(logits, size), _at(self.dataset_head(feature), size).squeeze(1))

    def _maps(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not isinstance(self._feature, str):
            return self._feature(self.encoder, image)
        caught: dict[str, Any] = {}
        names = {self._feature, self._logits} - {None}
        hooks = [self.encoder.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: caught.update({name: out})) for name in names]
        try:
            answer = self.encoder(image)
        finally:
            for hook in hooks:
                hook.remove()
        if self._logits is not None:
            answer = caught.get(self._logits)
        elif isinstance(answer, Mapping):
            answer = answer.get('out')
        return caught.get(self._feature), answer  # type: ignore[return-value]

    def _probe(self, channels: int) -> int:
        """Run the network once; return the number of classes."""
        training = self.encoder.training
        try:
            with torch.no_grad():
                feature, logits = self.eval()._maps(torch.zeros(1, 3, *_PROBE))
        except AttributeError as error:
            msg = f'the network has no such submodule ({error}); see named_modules()'
            raise NetworkError(msg) from error
        self.train(training)
        for what, found in (('feature map', feature), ('logits', logits)):
            if not isinstance(found, torch.Tensor) or found.ndim != 4:
                shape = getattr(found, 'shape', type(found).__name__)
                msg = (f'{what}: want a tensor (N, C, h, w), got {shape}; name the submodule '
                       'whose output it is, or give a function')
                raise NetworkError(msg)
        if feature.shape[1] != channels:
            msg = f'the feature map has {feature.shape[1]} channels, not {channels}'
            raise NetworkError(msg)
        return logits.shape[1]


HybridNet: TypeAlias = DenseHybridNet | UpgradedNet
"""What is trained, measured and exported."""


def upgrade(
        network: nn.Module, feature: str | FeatureFunction, channels: int, *,
        logits: str | None = None, mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0)) -> UpgradedNet:
    """Add the dataset-posterior head to a dense network.

    Args:
        network: from images (N, 3, H, W) to class logits (N, K, h, w); kept, not copied.
        feature: name of the submodule whose output is the map that the new head reads, best the
            one that the class head reads; or a function of the network and normalised images
            that returns that map and the logits.
        channels: of the map.
        logits: name of the submodule whose output the logits are, before they are upsampled;
            None takes the network's answer, or its entry `out` as torchvision's networks have.
        mean: of the normalisation that the network expects, for values 0..255.
        std: as `mean`.

    Returns:
        A module that trains, evaluates and exports like the package's own networks.

    Raises:
        NetworkError: no such submodule, or what it gives is no map of that many channels.
    """
    return UpgradedNet(network, feature, channels, logits=logits, mean=mean, std=std)


def _at(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(maps.shape[-2:]) == size:
        return maps
    return functional.interpolate(maps, size=size, mode='bilinear', align_corners=False)
