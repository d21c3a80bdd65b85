# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The DenseHybrid network: one shared map, two dense heads (ECCV 2022, section 4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from hybrid_training.models.decoder import LadderDecoder
from hybrid_training.models.encoder import Lite0Encoder


class HybridLogits(NamedTuple):
    """What the two heads say, at stride 4.

    Attributes:
        logits: class logits s, (N, K, h, w); softmax gives P(y|x), logsumexp gives ln p̂(x).
        dataset_logit: ln P(d_out|x) - ln P(d_in|x), (N, h, w).
    """

    logits: torch.Tensor
    dataset_logit: torch.Tensor


class DenseHybridNet(nn.Module):
    """EfficientNet-Lite0 encoder, ladder decoder, class head and dataset-posterior head.

    Args:
        num_classes: K, the number of known classes.
        channels: channels of the decoder map that both heads read.
        pretrained: start the encoder from ImageNet weights.
    """

    def __init__(
            self, num_classes: int = 19, *, channels: int = 128, pretrained: bool = True) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoder = Lite0Encoder(pretrained=pretrained)
        self.decoder = LadderDecoder(self.encoder.channels, channels)
        self.class_head = nn.Conv2d(channels, num_classes, 1)
        self.dataset_head = nn.Conv2d(channels, 1, 1)

    def forward(self, image: torch.Tensor) -> HybridLogits:
        """Score RGB images (N, 3, H, W), float32 in 0..255, H and W multiples of 32."""
        shared = self.decoder(self.encoder(image))
        return HybridLogits(self.class_head(shared), self.dataset_head(shared).squeeze(1))
