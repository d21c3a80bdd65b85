# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Standardised max logits: how low is the largest logit for the class that it names?"""

from __future__ import annotations

import torch


class MaxLogitStatistics:
    """Mean and deviation of the largest logit by the class it names, on known content.

    Only the standardisation; boundary suppression and smoothing of the paper are filters that any
    score could have, and are left out so that scores are compared and not filters.

    Source: Jung et al., Standardized max logits (ICCV 2021), eq. 3 and 4.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        # One row of counts, means and squared deviations by class, one more for all together.
        self._count = torch.zeros(num_classes + 1, dtype=torch.float64)
        self._mean = torch.zeros(num_classes + 1, dtype=torch.float64)
        self._squares = torch.zeros(num_classes + 1, dtype=torch.float64)

    def update(self, logits: torch.Tensor, known: torch.Tensor | None = None) -> None:
        """Count the pixels of known content.

        Args:
            logits: (N, K, h, w).
            known: (N, h, w) bool, pixels to count; None = all.

        Raises:
            ValueError: logits of another number of classes.
        """
        self._check(logits)
        largest, label = logits.max(1)
        if known is not None:
            largest, label = largest[known], label[known]
        largest, label = largest.flatten().double().cpu(), label.flatten().cpu()
        everything = torch.full_like(label, len(self._count) - 1)
        for rows in (label, everything):
            self._add(rows, largest)

    def score(self, logits: torch.Tensor) -> torch.Tensor:
        """Return -(max_k s_k - mean_c) / deviation_c of logits (N, K, h, w) as (N, h, w).

        A class that was seen in less than two pixels takes the figures of all classes together.

        Raises:
            ValueError: logits of another number of classes, or no spread was ever seen.
        """
        self._check(logits)
        mean, deviation = self.figures()
        largest, label = logits.max(1)
        mean, deviation = (f.to(logits)[label] for f in (mean, deviation))
        return -(largest - mean) / deviation

    def figures(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation by class, (K,) float64 each.

        Raises:
            ValueError: no spread was ever seen.
        """
        deviation = (self._squares / self._count.clamp(min=1)).sqrt()
        if deviation[-1] <= 0:
            msg = ('no statistics of max logits: show at least two pixels of known content that '
                   'differ (update) before scoring')
            raise ValueError(msg)
        seen = (self._count[:-1] >= 2) & (deviation[:-1] > 0)
        return (torch.where(seen, self._mean[:-1], self._mean[-1]),
                torch.where(seen, deviation[:-1], deviation[-1]))

    def _add(self, rows: torch.Tensor, values: torch.Tensor) -> None:
        """Merge values into their rows without the cancellation of plain sums of squares."""
        size = len(self._count)
        count = torch.bincount(rows, minlength=size).double()
        mean = torch.bincount(rows, values, size) / count.clamp(min=1)
        squares = torch.bincount(rows, (values - mean[rows])**2, size)
        total = (self._count + count).clamp(min=1)
        apart = mean - self._mean
        self._squares += squares + apart**2 * self._count * count / total
        self._mean += apart * count / total
        self._count += count

    def _check(self, logits: torch.Tensor) -> None:
        if logits.ndim != 4 or logits.shape[1] != len(self._count) - 1:
            msg = (f'logits have shape {tuple(logits.shape)}; these statistics are of '
                   f'{len(self._count) - 1} classes: want (N, {len(self._count) - 1}, h, w)')
            raise ValueError(msg)
