# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Invertible layers: each maps (N, C, h, w) to the same shape and gives ln |det Jacobian|.

Sources: ActNorm and invertible 1x1 convolution: Kingma and Dhariwal, Glow, 2018, table 1; affine
coupling: Dinh et al., Density estimation using Real NVP, 2017, eq. 7 and 8, with the bounded
log-scale of DenseFlow (Grcić et al., 2021).
"""

from __future__ import annotations

import torch
from torch import nn

LEAST_DEVIATION = 1e-3


class ActNorm(nn.Module):
    """Shift and scale by channel; the first batch decides them, training moves them on."""

    initialised: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer('initialised', torch.tensor(False))

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (x + shift) * scale and the log-determinant of each sample, (N,)."""
        if not self.initialised:
            self._initialise(maps)
        places = maps.shape[-2] * maps.shape[-1]
        determinant = places * self.log_scale.sum()
        return (maps + self.shift) * self.log_scale.exp(), determinant.expand(len(maps))

    def inverse(self, maps: torch.Tensor) -> torch.Tensor:
        """Undo `forward`."""
        return maps * (-self.log_scale).exp() - self.shift

    @torch.no_grad()
    def _initialise(self, maps: torch.Tensor) -> None:
        flat = maps.transpose(0, 1).flatten(1)
        deviation = flat.std(dim=1).clamp(min=LEAST_DEVIATION)
        self.shift.copy_(-flat.mean(dim=1).view_as(self.shift))
        self.log_scale.copy_(-deviation.log().view_as(self.log_scale))
        self.initialised.fill_(True)


class InvertibleConvolution(nn.Module):
    """A 1x1 convolution by a square matrix, a random rotation at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(channels, channels))[0])

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return W x at every place and the log-determinant of each sample, (N,)."""
        places = maps.shape[-2] * maps.shape[-1]
        determinant = places * torch.linalg.slogdet(self.weight).logabsdet
        return _mix(maps, self.weight), determinant.expand(len(maps))

    def inverse(self, maps: torch.Tensor) -> torch.Tensor:
        """Undo `forward`."""
        return _mix(maps, torch.linalg.inv(self.weight))


class AffineCoupling(nn.Module):
    """The first half of the channels decides shift and scale of the second, at every place.

    Args:
        channels: of the maps, even.
        hidden: of the small network that decides.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        last = nn.Conv2d(hidden, channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.decide = nn.Sequential(
            nn.Conv2d(channels // 2, hidden, 3, padding=1), nn.ReLU(),
            nn.Conv2d(hidden, hidden, 1), nn.ReLU(), last)

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (a, b * scale(a) + shift(a)) and the log-determinant of each sample, (N,)."""
        kept, moved = maps.chunk(2, dim=1)
        log_scale, shift = self._decision(kept)
        moved = moved * log_scale.exp() + shift
        return torch.cat([kept, moved], dim=1), log_scale.flatten(1).sum(dim=1)

    def inverse(self, maps: torch.Tensor) -> torch.Tensor:
        """Undo `forward`."""
        kept, moved = maps.chunk(2, dim=1)
        log_scale, shift = self._decision(kept)
        return torch.cat([kept, (moved - shift) * (-log_scale).exp()], dim=1)

    def _decision(self, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raw, shift = self.decide(kept).chunk(2, dim=1)
        return 2 * torch.tanh(raw / 2), shift  # within ±2, so that no scale can run away


def _mix(maps: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    return nn.functional.conv2d(maps, matrix[:, :, None, None])
