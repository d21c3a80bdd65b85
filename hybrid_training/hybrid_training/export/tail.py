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
SMALLEST, LARGEST = 1e-37, 1e38
"""Sums of exponentials: e^-85 is no subnormal, and e^87 has room for a factor of 2 in float32."""


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


def direct_score(logits: torch.Tensor, dataset_logit: torch.Tensor) -> torch.Tensor:
    """Return s_H of logits (1, K, h, w) and dataset logit (1, 1, h, w) as (1, 1, h, w).

    Exact while ln p̂(x) is within ±85. Beyond, where networks do not go (the shipped one's logits
    are within ±17), it stays at -85 or 87: finite, and parity at export would refuse it.
    """
    # On the sum, which is one map: on the logits it would be one more pass over K of them.
    return _joined_score(_sum(logits.exp()).clamp(SMALLEST, LARGEST), dataset_logit)


def shifted_score(logits: torch.Tensor, dataset_logit: torch.Tensor) -> torch.Tensor:
    """Return s_H: exact for any finite logits, for two more passes over them."""
    largest = logits.amax(dim=1, keepdim=True)
    return _joined_score(_sum((logits - largest).exp()), dataset_logit) - largest


def whole_score(logits: torch.Tensor, dataset_logit: torch.Tensor) -> torch.Tensor:
    """Return s_H by the one operator ReduceLogSumExp."""
    return discriminative_score(dataset_logit) - torch.logsumexp(logits, dim=1, keepdim=True)


def _sum(maps: torch.Tensor) -> torch.Tensor:
    """Sum K maps by a convolution, the engines' best operator: half the time of ReduceSum."""
    return functional.conv2d(maps, torch.ones(1, maps.shape[1], 1, 1))


def _joined_score(total: torch.Tensor, dataset_logit: torch.Tensor) -> torch.Tensor:
    """Return ln P(d_out|x) - ln total, with one logarithm for both.

    softplus(-z) is max(-z, 0) + ln(1 + e^-|z|); neither part overflows, and the second one joins
    the total as a factor of 1 to 2.
    """
    factor = 1 + (-dataset_logit.abs()).exp()
    return -functional.relu(-dataset_logit) - (total * factor).log()


@dataclass(frozen=True)
class TailKind:
    """One way to build the tail.

    Attributes:
        label: makes the module that turns logits into class ids.
        upsample: makes the module that brings the score to full size.
        score: the hybrid score of logits and dataset logit.
        label_agreement: least share of pixels whose label must be that of exact upsampling.
    """

    label: Callable[[int], nn.Module]
    upsample: Callable[[], nn.Module]
    score: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    label_agreement: float = 0.999


TAILS: dict[str, TailKind] = {
    'phase': TailKind(PhaseLabel, PhaseScore, direct_score),
    'phase-shifted': TailKind(PhaseLabel, PhaseScore, shifted_score),
    'phase-logsumexp': TailKind(PhaseLabel, PhaseScore, whole_score),
    'half': TailKind(lambda k: CoarseLabel(k, 2), PhaseScore, direct_score, 0.95),
    'nearest': TailKind(lambda k: CoarseLabel(k, 1), PhaseScore, direct_score, 0.9),
    'resize': TailKind(lambda _: ResizeLabel(), ResizeScore, direct_score),
    'naive': TailKind(lambda _: ResizeLabel(), ResizeScore, whole_score),
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
        self.upsample = TAILS[kind].upsample()
        self.score = TAILS[kind].score

    def forward(self, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return label uint8 and anomaly score float32, both (1, h·4, w·4)."""
        logits, dataset_logit = maps[:, :self.num_classes], maps[:, self.num_classes:]
        score = self.upsample(self.score(logits, dataset_logit))
        return self.label(logits).to(torch.uint8), score
