# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The learning rate of every step."""

from __future__ import annotations

import math

from hybrid_training.config import OptimizerConfig


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Return the decoder's learning rate of one step, counted from 0.

    Linear warm-up over `warmup` steps, times a decay from `lr` to `lr * final` over all steps:
    polynomial (`power`), half a cosine wave, or none.
    """
    progress = step / steps
    shape = {'poly': (1 - progress) ** config.power,
             'cosine': (1 + math.cos(math.pi * progress)) / 2,
             'constant': 1.0}[config.schedule]
    rate = config.lr * (config.final + (1 - config.final) * shape)
    return rate * min(1.0, (step + 1) / max(1, config.warmup))
