# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Curves by hand and against scikit-learn, and the published readings of FPR at TPR 95."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception import metrics
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import FPR_RULES, RankingCurve, fpr_at_tpr, ranking_curve

# The calibration list of the worked example; the last pixel is void and scores highest.
SCORE = np.array([3, 2.5, 2, 1.5, 1, 0.5, 0, -0.5, -1, -2, 9], np.float32)
TARGET = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 2], np.uint8)


def test_worked_example():
    curve = ranking_curve(SCORE, TARGET)
    assert curve.average_precision() == pytest.approx(0.8541667, abs=1e-7)
    assert curve.auroc() == pytest.approx(0.875)
    assert curve.threshold_at_tpr(0.95) == 0.5
    assert curve.threshold_at_tpr(0.75) == 1.5
    assert curve.fpr_at_tpr(0.95) == pytest.approx(1 / 3)


def test_rules_where_they_differ():
    # 20 anomalies: 19 are exactly 95 %. Known pixels between and behind the last two.
    score = np.concatenate([np.arange(100, 81, -1), [81, 80, 79, 78], [60], [50]])
    target = np.array([1] * 19 + [0] * 4 + [1] + [0])
    found = {rule: fpr_at_tpr(score, target, rule=rule) for rule in FPR_RULES}
    # Exactly 95 % is reached before the first known pixel; more than 95 % only behind the fourth;
    # the closest point of the lowest threshold is the one just before the last anomaly.
    assert found == {'fishyscapes': 0, 'densehybrid': 0.8, 'sklearn': 0, 'streethazards': 0.8}


def test_thinning_passes_over_equal_steps():
    # Every threshold adds one known and one anomaly pixel, so the curve is one straight line, and
    # only its ends are left of it.
    score = np.repeat(np.arange(100), 2)
    target = np.tile([0, 1], 100)
    assert fpr_at_tpr(score, target) == pytest.approx(0.95)
    assert fpr_at_tpr(score, target, rule='sklearn') == 1
    assert fpr_at_tpr(score, target, rule='streethazards') == pytest.approx(0.95)


@pytest.mark.parametrize('levels', [7, 60, 10**6])
def test_rules_against_scikit_learn(levels):
    reference = pytest.importorskip('sklearn.metrics', reason='scikit-learn is not installed')
    rng = np.random.default_rng(levels)
    target = (rng.random(3000) < 0.1).astype(np.uint8)
    score = np.floor((rng.normal(size=target.size) + target) * levels) / levels
    for thin, rules in ((True, ('sklearn', 'densehybrid')), (False, ('fishyscapes', None))):
        fpr, tpr, _ = reference.roc_curve(target, score, drop_intermediate=thin)
        for rule, index in zip(rules, (np.argmax(tpr >= 0.95), np.argmax(tpr > 0.95)),
                               strict=True):
            if rule:
                assert fpr_at_tpr(score, target, rule=rule) == pytest.approx(fpr[index])
    curve = ranking_curve(score, target)
    assert curve.average_precision() == pytest.approx(
        reference.average_precision_score(target, score), abs=1e-12)
    assert curve.auroc() == pytest.approx(reference.roc_auc_score(target, score), abs=1e-12)
    precision, recall, thresholds = reference.precision_recall_curve(target, score)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-30)
    threshold, value = curve.best_f1()
    assert value == pytest.approx(f1.max())
    assert threshold in thresholds[np.isclose(f1[:-1], f1.max())]


def test_the_curve_agrees_with_the_direct_functions():
    rng = np.random.default_rng(1)
    target = rng.choice([0, 0, 0, 1, 255], 5000)
    score = rng.normal(size=5000).round(2)
    curve = ranking_curve(score, target)
    for name in ('average_precision', 'auroc', 'fpr_at_tpr', 'threshold_at_tpr'):
        assert getattr(curve, name)() == pytest.approx(
            getattr(metrics, name)(score, target), abs=1e-12)


def test_threshold_at_fpr_is_the_lowest_of_the_curve():
    curve = ranking_curve(SCORE, TARGET)
    for allowed in (0, 0.16, 0.17, 0.5, 0.99):
        threshold = curve.threshold_at_fpr(allowed)
        known = SCORE[TARGET == 0]
        assert (known >= threshold).mean() <= allowed
        lower = curve.thresholds[curve.thresholds < threshold]
        assert not lower.size or (known >= lower.max()).mean() > allowed
    assert ranking_curve([1, 1, 0], [0, 1, 0]).threshold_at_fpr(0.1) == np.inf


@pytest.mark.parametrize(('call', 'words'), [
    (lambda c: c.fpr_at_tpr(0.95, 'mine'), "rule is 'mine'; it must be one of fishyscapes"),
    (lambda c: c.fpr_at_tpr(0), 'tpr is 0'),
    (lambda c: c.fpr_at_tpr(1, 'densehybrid'), 'below 1 for densehybrid'),
    (lambda c: c.threshold_at_tpr(1.1), 'tpr is 1.1'),
    (lambda c: c.threshold_at_fpr(1), 'fpr is 1'),
    (lambda _: ranking_curve([1.0, 2.0], [0, 0]), r'no pixel of value 1 \(anomaly\)'),
    (lambda _: ranking_curve([1.0, 2.0], [1, 1]), r'no pixel of value 0 \(known\)'),
    (lambda _: RankingCurve(np.zeros(0), np.zeros(0, int), np.zeros(0, int)), 'no pixel'),
])
def test_bad_input(call, words):
    with pytest.raises(ParameterError, match=words):
        call(ranking_curve(SCORE, TARGET))
