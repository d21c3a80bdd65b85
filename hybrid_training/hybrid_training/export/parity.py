# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Does the exported graph say what the network says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_training.evaluation.predictors import Predictor
from hybrid_training.exceptions import ExportError

LABEL_AGREEMENT = 0.999
SCORE_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class Parity:
    """Agreement over some pictures.

    Attributes:
        label_agreement: share of pixels with the same label, 0..1.
        score_difference: largest absolute difference of the hybrid score.
        images: how many pictures were compared.
    """

    label_agreement: float
    score_difference: float
    images: int


def measure_parity(
        network: Predictor, exported: Predictor, images: Sequence[NDArray[np.uint8]]) -> Parity:
    """Compare two forms of one model on pictures (H, W, 3) uint8 RGB."""
    agreement, difference = [], 0.0
    for image in images:
        wanted, found = network(image), exported(image)
        agreement.append(float((wanted.label == found.label).mean()))
        difference = max(difference, float(np.abs(
            wanted.scores['hybrid'] - found.scores['hybrid']).max()))
    return Parity(float(np.mean(agreement)), difference, len(images))


def require_parity(parity: Parity, *, label_agreement: float = LABEL_AGREEMENT) -> None:
    """Refuse a graph that does not agree.

    Args:
        parity: what was measured.
        label_agreement: least share of pixels with the same label; a tail that upsamples
            coarsely differs at the edges by design.

    Raises:
        ExportError: labels agree on too few of the pixels, or a score is off by more than
            1e-3.
    """
    if parity.label_agreement < label_agreement or parity.score_difference > SCORE_DIFFERENCE:
        msg = (f'the exported graph does not agree with the network: labels on '
               f'{parity.label_agreement:.4%} of the pixels (want {label_agreement:.1%}), scores '
               f'within {parity.score_difference:.2e} (want {SCORE_DIFFERENCE:.0e})')
        raise ExportError(msg)
