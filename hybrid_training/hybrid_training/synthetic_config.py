# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a configuration says of synthetic negatives."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from hybrid_training.config_section import Section, require_ranges

STRIDE = 8  # of the flow's latents
_Count = Annotated[int, Field(gt=0)]


class SyntheticConfig(Section):
    """Negatives drawn from a flow that is trained on the way (`flow.synthetic_negatives`)."""

    share: float = Field(
        0.5, gt=0, lt=1, description='of images that get a synthetic patch in place of real '
        'negatives; without the section negatives all of them do')
    size: tuple[int, int] = Field(
        (16, 216), description='[least, most] pixels of height and width, multiples of 8')
    weight: float = Field(0.03, ge=0, description='of the Jensen-Shannon term of the flow')
    lr: float = Field(1e-3, gt=0, description='of the flow, by Adamax; 1e-5 with init')
    decay: float = Field(0.99, gt=0, le=1, description='factor on lr every decay_every steps')
    decay_every: int = Field(250, gt=0)
    couplings: tuple[_Count, _Count, _Count] = Field(
        (3, 4, 8), description='of the scales at strides 2, 4 and 8')
    hidden: int = Field(32, gt=0, description='channels inside the couplings')
    init: str | None = Field(None, description='checkpoint whose flow to start from')

    @model_validator(mode='after')
    def _check_size(self) -> SyntheticConfig:
        if min(self.size) < STRIDE or any(side % STRIDE for side in self.size):
            msg = f'size: want multiples of {STRIDE}, got {list(self.size)}'
            raise ValueError(msg)
        return require_ranges(self, 'size')
