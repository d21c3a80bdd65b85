# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The DenseHybrid network: one shared map, two dense heads (ECCV 2022, section 4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from hybrid_training.models.decoder import LadderDecoder
from hybrid_training.models.deeplab import DeepLabV3PlusDecoder
from hybrid_training.models.encoder import TimmEncoder


class HybridLogits(NamedTuple):
    """What the two heads say, at stride 4.

    Attributes:
        logits: class logits s, (N, K, h, w); softmax gives P(y|x), logsumexp gives ln p̂(x).
        dataset_logit: ln P(d_out|x) - ln P(d_in|x), (N, h, w).
    """

    logits: torch.Tensor
    dataset_logit: torch.Tensor


class DenseHybridNet(nn.Module):
    """Encoder, decoder, class head and dataset-posterior head; `network.build_network` makes one.

    Args:
        encoder: from pictures to maps at four strides.
        decoder: from those to one map at stride 4, which both heads read.
        num_classes: K, the number of known classes.
    """

    def __init__(
            self, encoder: TimmEncoder, decoder: LadderDecoder | DeepLabV3PlusDecoder,
            num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoder = encoder
        self.decoder = decoder
        self.class_head = nn.Conv2d(decoder.channels, num_classes, 1)
        self.dataset_head = nn.Conv2d(decoder.channels, 1, 1)

    def forward(self, image: torch.Tensor) -> HybridLogits:
        """Score RGB images (N, 3, H, W), float32 in 0..255, H and W multiples of 32."""
        shared = self.decoder(self.encoder(image))
        return HybridLogits(self.class_head(shared), self.dataset_head(shared).squeeze(1))
