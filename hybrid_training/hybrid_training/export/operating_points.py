# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Operating points: thresholds of the exported score, chosen on named data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybrid_perception.metrics import threshold_at_fpr, threshold_at_tpr
from hybrid_training.evaluation.measures import PooledScores

INLIER_FPR = {'fpr0.1': 0.001, 'fpr1': 0.01, 'fpr5': 0.05}
DEFAULT = 'fpr1'


def operating_points(
        inliers: PooledScores, inlier_name: str, anomalies: Mapping[str, PooledScores],
) -> dict[str, dict[str, Any]]:
    """Choose thresholds by inlier false positive rate, and at TPR 95 of each anomaly set.

    Args:
        inliers: pixels of known classes only.
        inlier_name: name of their set, for the record.
        anomalies: by set name.

    Returns:
        The manifest's `operating_points`; `tpr` and `fpr` are those measured on the named data,
        `tpr` None where the data hold no anomalies.
    """
    points = {}
    score = inliers.scores['hybrid']
    for name, fpr in INLIER_FPR.items():
        threshold = threshold_at_fpr(score, inliers.anomaly, fpr)
        points[name] = {
            'threshold': threshold, 'target': f'{100 * fpr:g} % of inlier pixels rejected',
            'data': inlier_name, 'tpr': None, 'fpr': float(np.mean(score >= threshold))}
    for set_name, pooled in anomalies.items():
        score, anomaly = pooled.scores['hybrid'], pooled.anomaly == 1
        threshold = threshold_at_tpr(score, pooled.anomaly)
        points[f'tpr95_{set_name}'] = {
            'threshold': threshold, 'target': '95 % of anomalous pixels found', 'data': set_name,
            'tpr': float(np.mean(score[anomaly] >= threshold)),
            'fpr': float(np.mean(score[~anomaly] >= threshold))}
    return points
