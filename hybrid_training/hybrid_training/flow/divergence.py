# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How far is a prediction from knowing nothing?"""

from __future__ import annotations

import math

import torch


def js_to_uniform(logits: torch.Tensor) -> torch.Tensor:
    """Return the Jensen-Shannon divergence of softmax(logits) and the uniform distribution.

    Args:
        logits: (N, K, ...).

    Returns:
        (N, ...), nats, 0..ln 2 (Lin, IEEE Transactions on Information Theory 1991, eq. 3.1).
    """
    log_p = torch.log_softmax(logits, dim=1)
    log_u = torch.full_like(log_p, -math.log(logits.shape[1]))
    log_m = torch.logaddexp(log_p, log_u) - math.log(2)
    to_p = (log_p.exp() * (log_p - log_m)).sum(dim=1)
    to_u = (log_u.exp() * (log_u - log_m)).sum(dim=1)
    return 0.5 * (to_p + to_u)
