# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The hybrid score: worked example, stability, and one value in training and runtime."""

from __future__ import annotations

import numpy as np
import torch

from hybrid_perception import open_set
from hybrid_training.scores import discriminative_score, generative_score, hybrid_score

LOGITS = torch.tensor([[2.0, 0, 1, 0.5], [0, 1, 1, -0.5], [-1, 3, 1, 1.5]]).view(1, 3, 1, 4)
DATASET = (torch.tensor([-1.0, 0, 0.5, 2]) - torch.tensor([2.0, 1, 0, -1])).view(1, 1, 4)


def test_worked_example():
    wanted = torch.tensor([-5.21843337, -4.48310771, -2.57268927, -1.95619332]).view(1, 1, 4)
    torch.testing.assert_close(hybrid_score(LOGITS, DATASET), wanted, atol=1e-6, rtol=0)


def test_parts_add_up():
    both = discriminative_score(DATASET) + generative_score(LOGITS)
    torch.testing.assert_close(both, hybrid_score(LOGITS, DATASET))


def test_sure_inliers_stay_finite():
    # log(softmax) is -inf from a gap of 104 on
    score = discriminative_score(torch.tensor([-104.0, -500.0]))
    torch.testing.assert_close(score, torch.tensor([-104.0, -500.0]))


def test_logit_offset_moves_the_score():
    shifted = hybrid_score(LOGITS + 3, DATASET)
    torch.testing.assert_close(shifted, hybrid_score(LOGITS, DATASET) - 3)


def test_runtime_computes_the_same():
    generator = torch.Generator().manual_seed(0)
    logits = 20 * torch.randn(1, 19, 8, 9, generator=generator)
    dataset = 40 * torch.randn(1, 8, 9, generator=generator)
    runtime = open_set.hybrid_score(logits[0].numpy(), dataset[0].numpy())
    np.testing.assert_allclose(hybrid_score(logits, dataset)[0].numpy(), runtime, atol=1e-5)
