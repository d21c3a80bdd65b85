# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of anomaly scores and of labels: one definition for training, demo and replay."""

from hybrid_perception.metrics.bootstrap import (
    BootstrapIntervals,
    ImageHistograms,
    Interval,
    bootstrap_difference,
)
from hybrid_perception.metrics.components import (
    SIZE_FILTERS,
    ComponentMeasures,
    ComponentMetrics,
    SizeFilter,
    component_overlaps,
)
from hybrid_perception.metrics.confusion import ConfusionMatrix, open_miou
from hybrid_perception.metrics.curve import FPR_RULES, RankingCurve, ranking_curve
from hybrid_perception.metrics.ranking import (
    auroc,
    average_precision,
    fpr_at_tpr,
    threshold_at_fpr,
    threshold_at_tpr,
)
from hybrid_perception.metrics.score_bins import ScoreBins
from hybrid_perception.metrics.streaming import RankingErrors, StreamingRanking

__all__ = [
    'FPR_RULES',
    'SIZE_FILTERS',
    'BootstrapIntervals',
    'ComponentMeasures',
    'ComponentMetrics',
    'ConfusionMatrix',
    'ImageHistograms',
    'Interval',
    'RankingCurve',
    'RankingErrors',
    'ScoreBins',
    'SizeFilter',
    'StreamingRanking',
    'auroc',
    'average_precision',
    'bootstrap_difference',
    'component_overlaps',
    'fpr_at_tpr',
    'open_miou',
    'ranking_curve',
    'threshold_at_fpr',
    'threshold_at_tpr',
]
