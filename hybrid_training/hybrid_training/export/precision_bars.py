# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How much accuracy a precision may cost, measured against the fp32 graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PrecisionBar:
    """Largest loss against fp32, as fractions.

    Attributes:
        miou: of the closed-set mIoU.
        ap: of the hybrid score's AP on every anomaly set.
    """

    miou: float
    ap: float


BARS: Mapping[str, PrecisionBar] = {
    'fp16': PrecisionBar(miou=0.001, ap=0.001),
    'int8': PrecisionBar(miou=0.01, ap=0.02),
}


def against(base: Mapping[str, Any], variant: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """Compare the metrics of a variant with those of the fp32 graph.

    Args:
        base: `metrics` of the fp32 graph.
        variant: `metrics` of the variant, on the same data.
        precision: names the bar.

    Returns:
        Differences, variant minus fp32, and whether each is within the bar: JSON types.
    """
    bar = BARS[precision]
    miou = variant['closed_set']['miou'] - base['closed_set']['miou']
    changes = {
        name: {measure: scores['hybrid'][measure] - base['anomaly'][name]['hybrid'][measure]
               for measure in ('ap', 'auroc', 'fpr95')}
        for name, scores in variant['anomaly'].items()}
    met = -miou <= bar.miou and all(-each['ap'] <= bar.ap for each in changes.values())
    return {'miou': miou, 'anomaly': changes, 'bar': {'miou': bar.miou, 'ap': bar.ap}, 'met': met}
