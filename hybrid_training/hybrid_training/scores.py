# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Anomaly scores from the two heads, one definition each (higher = more anomalous).

The hybrid score is ECCV 2022, eq. 10 in its stable form: s_H = ln P(d_out|x) - ln p̂(x), where
ln P(d_out|x) = -softplus(-z) for the dataset logit z and ln p̂(x) = logsumexp of the class logits.
"""

from __future__ import annotations

from collections.abc import Callable

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


def max_softmax_score(logits: torch.Tensor) -> torch.Tensor:
    """Return 1 - max_k P(k|x) of logits (N, K, h, w) as (N, h, w), 0..1.

    Source: Hendrycks and Gimpel (ICLR 2017).
    """
    # From the other classes: 1 - p rounds to ties of 6e-8 where the network is sure.
    others = logits.scatter(1, logits.argmax(1, keepdim=True), float('-inf'))
    return (others.logsumexp(1) - logits.logsumexp(1)).exp()


def max_logit_score(logits: torch.Tensor) -> torch.Tensor:
    """Return -max_k s_k of logits (N, K, h, w) as (N, h, w).

    Source: Hendrycks et al., Scaling out-of-distribution detection (ICML 2022).
    """
    return -logits.amax(1)


def entropy_score(logits: torch.Tensor) -> torch.Tensor:
    """Return the entropy of P(y|x) in nats of logits (N, K, h, w) as (N, h, w), 0..ln K."""
    log_posterior = logits.log_softmax(1)
    return -(log_posterior.exp() * log_posterior).sum(1)


def energy_score(logits: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Return -T logsumexp(s / T) of logits (N, K, h, w) as (N, h, w).

    At T = 1 this is the generative score: the same number under the name that others know.

    Source: Liu et al., Energy-based out-of-distribution detection (NeurIPS 2020).
    """
    return -temperature * torch.logsumexp(logits / temperature, dim=1)


SCORES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    'hybrid': hybrid_score,
    'discriminative': lambda _, dataset_logit: discriminative_score(dataset_logit),
    'generative': lambda logits, _: generative_score(logits),
    'max_softmax': lambda logits, _: max_softmax_score(logits),
    'max_logit': lambda logits, _: max_logit_score(logits),
    'entropy': lambda logits, _: entropy_score(logits),
    'energy': lambda logits, _: energy_score(logits),
}
"""Scores of (logits, dataset_logit) by name. Standardised max logits need statistics of a set
first: see `max_logit_statistics`."""
