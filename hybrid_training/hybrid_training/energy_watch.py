# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Watch over ln p̂ of negatives, which the paper's likelihood term pushes down without end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
import math

WINDOW = 50


class EnergyWatch:
    """The mean of ln p̂(x) = logsumexp of the logits on negatives, over the last steps.

    Negative values are normal. What is not: a mean that falls without end, because the term is
    unbounded below and lowering logits further costs the network nothing else (see the margin that
    its author proposes for this). `loss.energy_floor` and `loss.energy_margin` bound it.

    Args:
        bound: below this mean it counts as run away.
        window: steps that the mean is taken over; fewer say nothing yet.
    """

    def __init__(self, bound: float, window: int = WINDOW) -> None:
        self._bound = bound
        self._kept: deque[float] = deque(maxlen=window)

    @property
    def kept(self) -> tuple[float, ...]:
        """The figures in the window, oldest first, for a checkpoint."""
        return tuple(self._kept)

    def restore(self, kept: Sequence[float]) -> None:
        """Go on from the window of a checkpoint."""
        self._kept.extend(kept)

    def update(self, energy: float) -> None:
        """Add one step's mean over its negative pixels; NaN = the batch had none."""
        if not math.isnan(energy):
            self._kept.append(energy)

    @property
    def mean(self) -> float:
        """Mean over the window; NaN before the first negative."""
        return math.fsum(self._kept) / len(self._kept) if self._kept else math.nan

    @property
    def ran_away(self) -> bool:
        """Whether the window is full and its mean below the bound."""
        return len(self._kept) == self._kept.maxlen and self.mean < self._bound

    def warning(self, step: int) -> str:
        """Return what to tell the user."""
        return (f'WARNING: step {step}: mean ln p of negatives is {self.mean:.1f}, below '
                f'loss.runaway_bound {self._bound:g}: the likelihood term is running away; set '
                'loss.energy_floor (0 is a good start) or loss.energy_margin')
