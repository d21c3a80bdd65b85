# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Anomaly scores from the two heads (higher = more anomalous).

The hybrid score is ECCV 2022, eq. 10 in its stable form: s_H = ln P(d_out|x) - ln p̂(x), where
ln P(d_out|x) = -softplus(-z) for the dataset logit z and ln p̂(x) = logsumexp of the class logits.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def discriminative_score(dataset_logit: torch.Tensor) -> torch.Tensor:
    """Return s_D = ln P(d_out|x) for the dataset logit z, any shape, float32 <= 0."""
    # Not logsigmoid: the exporter writes that as log(sigmoid), which is -inf for sure inliers.
    return -functional.softplus(-dataset_logit)


def generative_score(logits: torch.Tensor) -> torch.Tensor:
    """Return s_G = -ln p̂(x) of class logits (N, K, h, w) as (N, h, w)."""
    return -torch.logsumexp(logits, dim=1)


def hybrid_score(logits: torch.Tensor, dataset_logit: torch.Tensor) -> torch.Tensor:
    """Return s_H = s_D + s_G of logits (N, K, h, w) and dataset logit (N, h, w), as (N, h, w)."""
    return discriminative_score(dataset_logit) + generative_score(logits)
