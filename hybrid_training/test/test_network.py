# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The network: shapes, head on one map, and its price."""

from __future__ import annotations

import torch

from hybrid_training.models.decoder import PyramidPooling


def test_both_heads_at_stride_four(network):
    with torch.inference_mode():
        logits, dataset_logit = network(torch.zeros(2, 3, 64, 128))
    assert logits.shape == (2, 19, 16, 32)
    assert dataset_logit.shape == (2, 16, 32)


def test_dataset_head_is_129_parameters(network):
    assert sum(p.numel() for p in network.dataset_head.parameters()) == 129
    assert network.dataset_head.in_channels == network.class_head.in_channels == 128


def test_gradients_reach_every_parameter(network):
    logits, dataset_logit = network(torch.rand(1, 3, 64, 64) * 255)
    (logits.square().mean() + dataset_logit.square().mean()).backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None]
    network.zero_grad()
    assert not missing


def test_pyramid_pooling_takes_maps_smaller_than_its_grids():
    pooling = PyramidPooling(8, 16).eval()
    with torch.inference_mode():
        assert pooling(torch.zeros(1, 8, 2, 3)).shape == (1, 16, 2, 3)
