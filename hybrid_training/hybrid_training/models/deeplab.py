# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""DeepLabV3+ decoder (Chen et al., Encoder-decoder with atrous separable convolution, 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from hybrid_training.models.decoder import conv_block

SKIP_CHANNELS = 48


class AtrousPyramid(nn.Module):
    """ASPP: a 1x1, three dilated 3x3 convolutions and the image's mean, side by side.

    Args:
        channels_in: of the map that comes in.
        channels: of each branch and of the map that goes out.
        stride: of the map; the rates are 6, 12, 18 at stride 16 as in the paper, and half of
            them at stride 32, which reaches as far in the picture.
    """

    rates_at_16 = (6, 12, 18)

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        rates = [rate * 16 // stride for rate in self.rates_at_16]
        self.branches = nn.ModuleList([
            conv_block(channels_in, channels, 1),
            *(conv_block(channels_in, channels, 3, dilation=rate) for rate in rates)])
        self.image = conv_block(channels_in, channels, 1)
        self.fuse = conv_block(channels * (len(self.branches) + 1), channels, 1)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Map (N, C, h, w) to (N, channels, h, w)."""
        mean = self.image(feature.mean((2, 3), keepdim=True))
        maps = [branch(feature) for branch in self.branches]
        return self.fuse(torch.cat([*maps, mean.expand_as(maps[0])], dim=1))


class DeepLabV3PlusDecoder(nn.Module):
    """Blend the pyramid's map, upsampled, with the encoder's map at stride 4.

    Args:
        channels_in: channels of the encoder's maps, finest first.
        channels: channels of the pyramid and of the map that goes out (the paper has 256).
        stride: of the coarsest map.
    """

    def __init__(self, channels_in: Sequence[int], channels: int = 128, stride: int = 32) -> None:
        super().__init__()
        self.channels = channels
        self.pyramid = AtrousPyramid(channels_in[-1], channels, stride)
        self.skip = conv_block(channels_in[0], SKIP_CHANNELS, 1)
        self.refine = nn.Sequential(
            conv_block(channels + SKIP_CHANNELS, channels, 3), conv_block(channels, channels, 3))

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Map encoder features, finest first, to one map (N, channels, H/4, W/4)."""
        context = functional.interpolate(
            self.pyramid(features[-1]), size=features[0].shape[-2:], mode='bilinear',
            align_corners=False)
        return self.refine(torch.cat([context, self.skip(features[0])], dim=1))
