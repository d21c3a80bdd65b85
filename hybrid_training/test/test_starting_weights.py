# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Starting from another run: the dataset head keeps its place in the loss."""

from __future__ import annotations

import pytest
import torch

from hybrid_training.checkpoint import Checkpoint, save_checkpoint
from hybrid_training.config import ModelConfig
from hybrid_training.data.class_list import CITYSCAPES
from hybrid_training.models.network import build_network
from hybrid_training.starting_weights import load_start


@pytest.mark.parametrize(('loss', 'moved'), [
    ({'beta': 0.03, 'prior_shift': 4.0}, -2.0),
    ({'beta': 0.03}, -6.0),
    ({'beta': 0.0, 'prior_shift': 4.0}, 0.0),  # the head was not trained
])
def test_bias_of_the_dataset_head_makes_up_for_another_prior(tmp_path, loss, moved):
    config = ModelConfig()
    trained = build_network(config, 19, pretrained=False)
    save_checkpoint(tmp_path / 'a.pt', Checkpoint(
        1, trained.state_dict(), None,
        {'classes': 'cityscapes', 'model': config.model_dump(mode='json'), 'loss': loss}))
    model = build_network(config, 19, pretrained=False)
    load_start(model, tmp_path / 'a.pt', config, CITYSCAPES, prior_shift=6.0, crops=torch.Tensor)
    assert float(model.dataset_head.bias.detach() - trained.dataset_head.bias.detach()) == (
        pytest.approx(moved, abs=1e-6))
    assert torch.equal(model.class_head.weight, trained.class_head.weight)
