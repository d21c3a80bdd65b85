# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the dataset-posterior head costs in parameters and arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hybrid_training.model_config import ModelConfig
from hybrid_training.models.network import build_network


@dataclass(frozen=True)
class HeadCost:
    """Counts of one network at one size, batch 1.

    Attributes:
        parameters: of the network without the dataset head.
        head_parameters: of that head.
        flops: of a forward pass without that head; a multiply-add is two. Convolutions and matrix
            products only, as everyone counts.
        hybrid_flops: with it.
    """

    parameters: int
    head_parameters: int
    flops: int
    hybrid_flops: int

    @property
    def relative(self) -> float:
        """Arithmetic that the head adds, as a fraction."""
        return self.hybrid_flops / self.flops - 1


def head_cost(config: ModelConfig, num_classes: int, size: tuple[int, int]) -> HeadCost:
    """Count for pictures of (height, width); nothing is computed, so any size is quick.

    Raises:
        NetworkError: no such encoder, or no such maps.
    """
    with torch.device('meta'):
        model = build_network(config, num_classes, pretrained=False).eval()
        image = torch.empty(1, 3, *size)
    plain = nn.Sequential(model.encoder, model.decoder, model.class_head)
    head = sum(p.numel() for p in model.dataset_head.parameters())
    parameters = sum(p.numel() for p in model.parameters()) - head
    return HeadCost(parameters, head, _flops(plain, image), _flops(model, image))


def _flops(network: nn.Module, image: torch.Tensor) -> int:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops()
