# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measures taken while training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hybrid_training.config import ValidationConfig
from hybrid_training.models.dense_hybrid import DenseHybridNet


@dataclass(frozen=True)
class ValidationReport:
    """What one validation found; fractions."""

    values: dict[str, float]

    @property
    def selection(self) -> float:
        """The figure by which the best checkpoint is chosen."""
        return sum(v for k, v in self.values.items() if k.endswith(('miou', 'hybrid_ap')))

    def line(self) -> str:
        """Return the figures in one line, in percent."""
        return ', '.join(f'{k} {100 * v:.1f}' for k, v in self.values.items())


def validate(
        model: DenseHybridNet, config: ValidationConfig, *, data_root: Path) -> ValidationReport:
    raise NotImplementedError
