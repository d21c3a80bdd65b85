# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One graph from the camera's pixels to label and anomaly score.

The order of the type changes (Cast first, then Transpose; Cast to uint8 last) is what TensorRT's
parser takes.
"""

from __future__ import annotations

import torch
from torch import nn

from hybrid_training.export.tail import Tail
from hybrid_training.export.tail_names import DEFAULT_TAIL
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.models.upgrade import UpgradedNet


class DeployedNet(nn.Module):
    """The network with both heads merged, pre-processing before and the answers after it.

    Args:
        model: the network.
        tail: how the heads' maps become label and score, a name in `tail.TAILS`.
    """

    def __init__(self, model: DenseHybridNet, tail: str = DEFAULT_TAIL) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.decoder = model.decoder
        self.head = nn.Conv2d(model.class_head.in_channels, model.num_classes + 1, 1)
        with torch.no_grad():
            self.head.weight.copy_(torch.cat([model.class_head.weight, model.dataset_head.weight]))
            self.head.bias.copy_(torch.cat([model.class_head.bias, model.dataset_head.bias]))
        self.tail = Tail(model.num_classes, tail)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map `image` (1, H, W, 3) uint8 RGB to label uint8 and score float32, (1, H, W)."""
        pixels = image.to(torch.float32).permute(0, 3, 1, 2)
        label, score = self.tail(self.head(self.decoder(self.encoder(pixels))))
        return label, score


class DeployedUpgrade(nn.Module):
    """A network of one's own with the added head, between the same two ends.

    Args:
        model: from `models.upgrade`.
        tail: as in `DeployedNet`.
    """

    def __init__(self, model: UpgradedNet, tail: str = DEFAULT_TAIL) -> None:
        super().__init__()
        self.network = model
        self.tail = Tail(model.num_classes, tail)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map `image` (1, H, W, 3) uint8 RGB to label uint8 and score float32, (1, H, W)."""
        logits, dataset_logit = self.network(image.to(torch.float32).permute(0, 3, 1, 2))
        label, score = self.tail(torch.cat([logits, dataset_logit.unsqueeze(1)], dim=1))
        return label, score


def deployed(model: DenseHybridNet | UpgradedNet, tail: str = DEFAULT_TAIL) -> nn.Module:
    """Return the graph to export of either kind of network."""
    if isinstance(model, UpgradedNet):
        return DeployedUpgrade(model, tail)
    return DeployedNet(model, tail)
