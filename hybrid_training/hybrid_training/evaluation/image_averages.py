# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""AP, AUROC and FPR95 averaged over images, as StreetHazards' authors do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import ranking_curve


class ImageAverages:
    """Exact figures of each image; images without anomaly, or with nothing else, are skipped.

    Source: Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings"
    (ICML 2022), StreetHazards.

    Args:
        fpr_rule: which of `FPR_RULES` FPR95 follows.
    """

    def __init__(self, fpr_rule: str) -> None:
        self._rule = fpr_rule
        self._figures: list[tuple[float, float, float]] = []

    def update(self, score: NDArray[np.float32], target: NDArray[np.uint8]) -> None:
        """Measure one image: score (H, W), target (H, W) 0 known, 1 anomaly, 255 void.

        Raises:
            ParameterError: a NaN score on a pixel that counts.
        """
        if (target == 1).any() and (target == 0).any():
            curve = ranking_curve(score, target)
            self._figures.append((curve.average_precision(), curve.auroc(),
                                  curve.fpr_at_tpr(0.95, self._rule)))

    def figures(self) -> dict[str, float]:
        """Return `ap`, `auroc`, `fpr95` and the number of images that they are means of.

        Raises:
            ParameterError: no image holds both kinds of pixels.
        """
        if not self._figures:
            msg = 'no image holds both anomalies and known pixels; a mean over images needs some'
            raise ParameterError(msg)
        ap, auroc, fpr95 = np.mean(self._figures, axis=0).tolist()
        return {'ap': ap, 'auroc': auroc, 'fpr95': fpr95, 'images_counted': len(self._figures)}

    def intervals(self, resamples: int) -> dict[str, list[float]] | None:
        """Return 95 % intervals of the means, bootstrap over images; None = a single image."""
        count = len(self._figures)
        if count < 2:
            return None
        draws = np.random.default_rng(0).multinomial(
            count, np.full(count, 1 / count), resamples) / count
        bounds = np.quantile(draws @ np.array(self._figures), [0.025, 0.975], axis=0).T
        return dict(zip(('ap', 'auroc', 'fpr95'), bounds.tolist(), strict=True))
