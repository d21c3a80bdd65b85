# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of anomaly scores and of labels: one definition for training, demo and replay."""

from hybrid_perception.metrics.components import (
    SIZE_FILTERS,
    ComponentMeasures,
    ComponentMetrics,
    SizeFilter,
    component_overlaps,
)
from hybrid_perception.metrics.confusion import ConfusionMatrix, open_miou
from hybrid_perception.metrics.ranking import (
    auroc,
    average_precision,
    fpr_at_tpr,
    threshold_at_fpr,
    threshold_at_tpr,
)

__all__ = [
    'SIZE_FILTERS',
    'ComponentMeasures',
    'ComponentMetrics',
    'ConfusionMatrix',
    'SizeFilter',
    'auroc',
    'average_precision',
    'component_overlaps',
    'fpr_at_tpr',
    'open_miou',
    'threshold_at_fpr',
    'threshold_at_tpr',
]
