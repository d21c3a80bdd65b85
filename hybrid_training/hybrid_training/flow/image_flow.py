# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A multi-scale normalising flow over RGB patches of any size in multiples of 8."""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch
from torch import nn
from torch.nn import functional

from hybrid_training.flow.layers import ActNorm, AffineCoupling, InvertibleConvolution
from hybrid_training.synthetic_config import STRIDE

LEVELS = 256


class ImageFlow(nn.Module):
    """Three scales: squeeze, then steps of ActNorm, 1x1 convolution and affine coupling.

    After the first and the second scale half of the channels is factored out as latent (Real NVP,
    section 3.6). Every latent is standard normal, so that one of h x w places at stride 8 gives a
    patch of 8h x 8w pixels.

    Args:
        steps: of each scale, finest first.
        hidden: channels inside the couplings.
    """

    def __init__(self, steps: Sequence[int] = (3, 4, 8), hidden: int = 32) -> None:
        super().__init__()
        self._channels = []
        scales = []
        channels = 3
        for count in steps:
            channels *= 4
            scales.append(nn.ModuleList(
                layer for _ in range(count) for layer in (
                    ActNorm(channels), InvertibleConvolution(channels),
                    AffineCoupling(channels, hidden))))
            channels //= 2
            self._channels.append(channels)
        self._channels[-1] *= 2  # of the last scale all is latent
        self.scales = nn.ModuleList(scales)

    @property
    def initialised(self) -> bool:
        """Whether a first batch has decided the ActNorms."""
        return all(bool(m.initialised) for m in self.modules() if isinstance(m, ActNorm))

    def encode(self, maps: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Map (N, 3, H, W) to latents, finest first, and ln |det Jacobian| of each sample, (N,).

        Raises:
            ValueError: height or width is not a multiple of 8.
        """
        if maps.shape[-2] % STRIDE or maps.shape[-1] % STRIDE:
            msg = (f'a patch of {maps.shape[-1]}x{maps.shape[-2]} pixels; width and height must '
                   f'be multiples of {STRIDE}')
            raise ValueError(msg)
        latents = []
        determinant = maps.new_zeros(len(maps))
        for number, scale in enumerate(self.scales, start=1):
            maps = functional.pixel_unshuffle(maps, 2)
            for layer in scale:
                maps, change = layer(maps)
                determinant = determinant + change
            if number < len(self.scales):
                latent, maps = maps.chunk(2, dim=1)
                latents.append(latent)
        return [*latents, maps], determinant

    def decode(self, latents: Sequence[torch.Tensor]) -> torch.Tensor:
        """Undo `encode`."""
        maps = latents[-1]
        for number in reversed(range(len(self.scales))):
            if number < len(self.scales) - 1:
                maps = torch.cat([latents[number], maps], dim=1)
            for layer in reversed(self.scales[number]):  # type: ignore[call-overload]
                maps = layer.inverse(maps)
            maps = functional.pixel_shuffle(maps, 2)
        return maps

    def bits_per_dimension(self, pixels: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return -log2 p of patches by pixel and channel, (N,); 8 is what uniform noise has.

        Uniform dequantisation (Theis et al., ICLR 2016, section 3.1) makes it an upper bound.

        Args:
            pixels: (N, 3, H, W), whole numbers 0..255.
            noise: uniform in [0, 1), the same shape.
        """
        latents, determinant = self.encode((pixels + noise) / LEVELS - 0.5)
        squares = sum(z.square().flatten(1).sum(dim=1) for z in latents)
        dimensions = pixels[0].numel()
        log_density = determinant - 0.5 * (squares + dimensions * math.log(2 * math.pi))
        return math.log2(LEVELS) - log_density / (dimensions * math.log(2))

    def sample(
            self, count: int, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        """Draw patches (count, 3, height, width), float32, 0..255, with gradients.

        Args:
            count: how many.
            size: (height, width), multiples of 8.
            generator: on the CPU, so that a seed gives the same patches on every device.
        """
        device = next(self.parameters()).device
        latents = [
            torch.randn(count, channels, size[0] // stride, size[1] // stride,
                        generator=generator).to(device)
            for channels, stride in zip(self._channels, (2, 4, 8), strict=True)]
        return ((self.decode(latents) + 0.5) * LEVELS - 0.5).clamp(0, LEVELS - 1)
