# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From the two heads' maps at stride 4 to label and score at full size, in several ways.

Upsampling by 4 is done by phase convolution: half-pixel bilinear interpolation by an integer
factor is linear and local, so each of the 16 sub-pixel phases is a fixed 3x3 kernel on the map
with replicated edges. It is exact, and it spares the engine K full-resolution maps.

`benchmark/graph_variants.py` measures every way; docs/performance.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from hybrid_training.export.tail_names import DEFAULT_TAIL
from hybrid_training.scores import discriminative_score

STRIDE = 4
LIMIT = 80.0  # e^80 times 255 classes is still a float32, and e^-80 is no subnormal


def phase_kernels(stride: int = STRIDE) -> torch.Tensor:
    """Return the (stride², 3, 3) kernels of half-pixel bilinear upsampling, rows of phases first.

    Output position p of a cell lies (p + 0.5) / stride - 0.5 cells from its centre.
    """
    offset = (torch.arange(stride) + 0.5) / stride - 0.5
    taps = torch.stack([(-offset).clamp(min=0), 1 - offset.abs(), offset.clamp(min=0)], dim=1)
    return torch.einsum('py,qx->pqyx', taps, taps).reshape(stride * stride, 3, 3)


class PhaseUpsample(nn.Module):
    """Sub-pixel phases of C maps: (1, C, h, w) to (1, C, stride², h, w)."""

    def __init__(self, channels: int, stride: int = STRIDE) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer(
            'kernels', phase_kernels(stride).unsqueeze(1).repeat(channels, 1, 1, 1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return every phase of every map."""
        padded = functional.pad(maps, (1, 1, 1, 1), mode='replicate')
        phases = functional.conv2d(padded, self.kernels, groups=self.channels)
        return phases.view(1, self.channels, -1, *maps.shape[-2:])


class PhaseLabel(nn.Module):
    """Class of every pixel: logits (1, K, h, w) to (1, h·stride, w·stride) float32 ids."""

    def __init__(self, num_classes: int, stride: int = STRIDE) -> None:
        super().__init__()
        self.stride = stride
        self.upsample = PhaseUpsample(num_classes, stride)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Take the winner of each phase, then weave the phases."""
        # As float32: engines weave that faster than int64, and TensorRT weaves no uint8.
        winner = self.upsample(logits).argmax(dim=1).to(torch.float32)
        return functional.pixel_shuffle(winner, self.stride).squeeze(1)


class CoarseLabel(nn.Module):
    """Exact winners at stride 2 or 4, repeated up to full size: cheaper, with coarser edges."""

    def __init__(self, num_classes: int, upsample: int) -> None:
        super().__init__()
        self.repeat = STRIDE // upsample
        self.fine = PhaseLabel(num_classes, upsample) if upsample > 1 else None

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Return (1, h·4, w·4) float32 ids."""
        winner = self.fine(logits) if self.fine else logits.argmax(dim=1).to(torch.float32)
        return functional.interpolate(
            winner.unsqueeze(1), scale_factor=self.repeat, mode='nearest').squeeze(1)


class ResizeLabel(nn.Module):
    """The usual way: K maps at full size, then the winner."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Return (1, h·4, w·4) int64 ids."""
        return _resize(logits).argmax(dim=1)


class PhaseScore(nn.Module):
    """One map by phase convolution: (1, 1, h, w) to (1, h·4, w·4)."""

    def __init__(self) -> None:
        super().__init__()
        self.upsample = PhaseUpsample(1)

    def forward(self, score: torch.Tensor) -> torch.Tensor:
        """Upsample and weave."""
        return functional.pixel_shuffle(self.upsample(score).squeeze(1), STRIDE).squeeze(1)


class ResizeScore(nn.Module):
    """One map by the engine's own Resize: (1, 1, h, w) to (1, h·4, w·4)."""

    def forward(self, score: torch.Tensor) -> torch.Tensor:
        """Upsample."""
        return _resize(score).squeeze(1)


def _resize(maps: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(
        maps, scale_factor=STRIDE, mode='bilinear', align_corners=False)


def shifted_likelihood(logits: torch.Tensor) -> torch.Tensor:
    """Return ln p̂(x) of logits (1, K, h, w) as (1, 1, h, w): exact for any finite logits."""
    largest = logits.amax(dim=1, keepdim=True)
    return largest + (logits - largest).exp().sum(dim=1, keepdim=True).log()


def clamped_likelihood(logits: torch.Tensor) -> torch.Tensor:
    """Return ln p̂(x) as (1, 1, h, w): exact while the largest logit is within ±80, else flat.

    It neither overflows nor reaches -inf. The sum is a convolution, the engines' best operator.
    """
    powers = logits.clamp(-LIMIT, LIMIT).exp()
    return functional.conv2d(powers, torch.ones(1, logits.shape[1], 1, 1)).log()


def whole_likelihood(logits: torch.Tensor) -> torch.Tensor:
    """Return ln p̂(x) as (1, 1, h, w) by the one operator ReduceLogSumExp."""
    return torch.logsumexp(logits, dim=1, keepdim=True)


@dataclass(frozen=True)
class TailKind:
    """One way to build the tail.

    Attributes:
        label: makes the module that turns logits into class ids.
        score: makes the module that brings the score to full size.
        likelihood: ln p̂(x) of the logits.
        label_agreement: least share of pixels whose label must be that of exact upsampling.
    """

    label: Callable[[int], nn.Module]
    score: Callable[[], nn.Module]
    likelihood: Callable[[torch.Tensor], torch.Tensor]
    label_agreement: float = 0.999


TAILS: dict[str, TailKind] = {
    'phase': TailKind(PhaseLabel, PhaseScore, shifted_likelihood),
    'phase-clamped': TailKind(PhaseLabel, PhaseScore, clamped_likelihood),
    'phase-logsumexp': TailKind(PhaseLabel, PhaseScore, whole_likelihood),
    'half': TailKind(lambda k: CoarseLabel(k, 2), PhaseScore, shifted_likelihood, 0.95),
    'nearest': TailKind(lambda k: CoarseLabel(k, 1), PhaseScore, shifted_likelihood, 0.9),
    'resize': TailKind(lambda _: ResizeLabel(), ResizeScore, shifted_likelihood),
    'naive': TailKind(lambda _: ResizeLabel(), ResizeScore, whole_likelihood),
}
"""Every tail by name, in the order of `TAIL_NAMES`."""


class Tail(nn.Module):
    """Label and score of the heads' maps (1, K + 1, h, w), the dataset logit last.

    Args:
        num_classes: K.
        kind: a name in `TAILS`.

    Raises:
        ValueError: there is no tail of that name.
    """

    def __init__(self, num_classes: int, kind: str = DEFAULT_TAIL) -> None:
        super().__init__()
        if kind not in TAILS:
            msg = f'no tail is called {kind!r}; there are {", ".join(TAILS)}'
            raise ValueError(msg)
        self.num_classes = num_classes
        self.label = TAILS[kind].label(num_classes)
        self.score = TAILS[kind].score()
        self.likelihood = TAILS[kind].likelihood

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return label uint8 and anomaly score float32, both (1, h·4, w·4)."""
        logits, dataset_logit = maps[:, :self.num_classes], maps[:, self.num_classes:]
        score = discriminative_score(dataset_logit) - self.likelihood(logits)
        return self.label(logits).to(torch.uint8), self.score(score)
