# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One graph from the camera's pixels to label and anomaly score.

Upsampling by 4 is done by phase convolution: half-pixel bilinear interpolation by an integer
factor is linear and local, so each of the 16 sub-pixel phases is a fixed 3x3 kernel on the map
with replicated edges. It is exact, and it spares the engine K full-resolution maps. The order of
the type changes (Cast first, then Transpose; Cast to uint8 last) is what TensorRT's parser takes.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.scores import hybrid_score

STRIDE = 4


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


def shuffle_phases(phases: torch.Tensor, stride: int = STRIDE) -> torch.Tensor:
    """Weave phases (1, stride², h, w) into one map (1, h·stride, w·stride)."""
    height, width = phases.shape[-2:]
    woven = phases.view(1, stride, stride, height, width).permute(0, 3, 1, 4, 2)
    return woven.reshape(1, height * stride, width * stride)


class DeployedNet(nn.Module):
    """The network with both heads merged, pre-processing before and the answers after it."""

    def __init__(self, model: DenseHybridNet) -> None:
        super().__init__()
        self.num_classes = model.num_classes
        self.encoder = model.encoder
        self.decoder = model.decoder
        self.head = nn.Conv2d(model.class_head.in_channels, model.num_classes + 1, 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.cat([model.class_head.weight, model.dataset_head.weight]))
            self.head.bias.copy_(torch.cat([model.class_head.bias, model.dataset_head.bias]))
        self.upsample_logits = PhaseUpsample(model.num_classes)
        self.upsample_score = PhaseUpsample(1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map `image` (1, H, W, 3) uint8 RGB to label uint8 and score float32, (1, H, W)."""
        pixels = image.to(torch.float32).permute(0, 3, 1, 2)
        maps = self.head(self.decoder(self.encoder(pixels)))
        logits, dataset_logit = maps[:, :self.num_classes], maps[:, self.num_classes]
        score = hybrid_score(logits, dataset_logit).unsqueeze(1)
        label = self.upsample_logits(logits).argmax(dim=1)
        return (shuffle_phases(label).to(torch.uint8),
                shuffle_phases(self.upsample_score(score).squeeze(1)))
