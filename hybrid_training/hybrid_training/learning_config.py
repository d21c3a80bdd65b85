# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How a configuration learns: loss and optimiser."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hybrid_training.config_section import Section


class LossConfig(Section):
    """The compound loss (`losses.HybridLoss`) and the stride it is taken at."""

    weighting: Literal['paper', 'code'] = 'code'
    beta: float = Field(0.03, ge=0)
    ignore_is_inlier: bool = False
    energy_floor: float | None = None
    energy_margin: tuple[float, float] | None = Field(
        None, description='[most of negatives, least of inliers]; in place of energy_floor')
    prior_shift: float = 0.0
    class_weights: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None, description='one per class, in the cross-entropy; None = all equal')
    runaway_bound: float = Field(
        -30.0, description='mean ln p of negatives below which a run warns, once')
    stride: Literal[1, 4] = 4

    @model_validator(mode='after')
    def _check_bounds(self) -> LossConfig:
        if self.energy_floor is not None and self.energy_margin is not None:
            msg = 'energy_floor and energy_margin both bound the likelihood term; give one'
            raise ValueError(msg)
        if self.energy_margin is not None and self.energy_margin[0] > self.energy_margin[1]:
            msg = (f'energy_margin: want [most of negatives, least of inliers], the first not '
                   f'above the second, got {list(self.energy_margin)}')
            raise ValueError(msg)
        return self


class OptimizerConfig(Section):
    """AdamW with warm-up and decay from `lr` to `lr * final`; what it trains and what not."""

    lr: float = Field(8e-4, gt=0)
    encoder_factor: float = Field(0.4, ge=0)
    weight_decay: float = Field(1e-3, ge=0)
    decay_norm_and_bias: bool = Field(True, description='weight decay on norms and biases too')
    train: Literal['all', 'decoder_and_heads', 'heads'] = 'all'
    frozen_stride: Literal[0, 4, 8, 16] = Field(
        0, description='layers of the encoder up to its map of this stride stay as they are, '
                       'BatchNorm too; 0 = none')
    batch_norm: Literal['train', 'frozen_encoder', 'frozen'] = Field(
        'train', description='frozen: running statistics are used and kept')
    schedule: Literal['poly', 'cosine', 'constant'] = 'poly'
    warmup: int = Field(50, ge=0)
    power: float = Field(0.9, gt=0, description='of the polynomial')
    final: float = Field(0.0, ge=0, le=1)
    clip_norm: float = Field(10.0, gt=0)
    ema: float = Field(0.0, ge=0, lt=1, description='decay per step of the averaged weights that '
                       'are validated and exported; 0 = none')
