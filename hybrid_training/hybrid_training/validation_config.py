# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a configuration measures on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from hybrid_training.config_section import NetworkSize, Section
from hybrid_training.data_config import InlierConfig, NegativesConfig

Selection = Literal['miou', 'open_set', 'both']


class HeldOutConfig(Section):
    """Negatives that training never pastes, pasted into `closed_set` (`data.held_out`)."""

    negatives: NegativesConfig | None = Field(
        None, description='None = every fifth of those of training, which then goes without')
    limit: int | None = Field(30, gt=0, description='pictures of closed_set that are used')
    seed: int = Field(0, ge=0)


class ValidationConfig(Section):
    """What is measured on the way, every `every` steps; an empty root leaves a set out."""

    every: int = Field(500, gt=0)
    closed_set: InlierConfig | None = None
    closed_set_limit: int | None = Field(60, gt=0)
    anomaly_roots: tuple[str, ...] = ()
    held_out_negatives: HeldOutConfig | None = None
    selection: Selection = Field(
        'both', description='what picks best.pt: closed mIoU, AP of the hybrid score (on '
        'held_out_negatives, else mean over anomaly_roots), or their sum')
    size: NetworkSize = (512, 1024)

    @model_validator(mode='after')
    def _check_sets(self) -> ValidationConfig:
        if self.held_out_negatives is not None and self.closed_set is None:
            msg = 'held_out_negatives are pasted into closed_set, which is missing'
            raise ValueError(msg)
        if self.selection == 'miou' and self.closed_set is None:
            msg = 'selection: miou needs closed_set, which is missing'
            raise ValueError(msg)
        places: dict[str, str] = {}
        for root in self.anomaly_roots:
            name = Path(root).name
            holder = 'held_out_negatives' if name == 'held_out' else places.setdefault(name, root)
            if holder != root:
                msg = (f'anomaly_roots: the figures of {root} would stand under the name {name}, '
                       f'which {holder} has; rename the folder')
                raise ValueError(msg)
        open_set = self.held_out_negatives is not None or self.anomaly_roots
        if self.selection == 'open_set' and not open_set:
            msg = 'selection: open_set needs held_out_negatives or anomaly_roots'
            raise ValueError(msg)
        return self
