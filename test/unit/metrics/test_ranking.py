# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ranking metrics by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import (
    auroc,
    average_precision,
    fpr_at_tpr,
    threshold_at_fpr,
    threshold_at_tpr,
)

# The calibration list of the worked example; the last pixel is void and scores highest.
SCORE = np.array([3, 2.5, 2, 1.5, 1, 0.5, 0, -0.5, -1, -2, 9], np.float32)
TARGET = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 2], np.uint8)


def test_worked_example():
    assert threshold_at_tpr(SCORE, TARGET, 0.95) == 0.5
    assert threshold_at_tpr(SCORE, TARGET, 0.75) == 1.5
    assert fpr_at_tpr(SCORE, TARGET) == pytest.approx(1 / 3)
    assert average_precision(SCORE, TARGET) == pytest.approx(0.8541667, abs=1e-7)
    assert auroc(SCORE, TARGET) == pytest.approx(0.875)


def test_images_and_both_void_values_pool_to_the_same_numbers():
    score = np.concatenate([SCORE, [100.0]]).astype(np.float32).reshape(3, 4)
    target = np.concatenate([TARGET, [255]]).astype(np.uint8).reshape(3, 4)
    assert average_precision(score, target) == pytest.approx(0.8541667, abs=1e-7)


def test_ties_share_a_threshold():
    score, target = np.zeros(8, np.float32), np.array([1, 1, 0, 0, 0, 0, 0, 0])
    assert average_precision(score, target) == 0.25
    assert auroc(score, target) == 0.5
    assert fpr_at_tpr(score, target) == 1.0


def test_perfect_and_inverted_scores():
    target = np.array([0, 0, 1, 1])
    score = np.array([0.0, 1.0, 2.0, 3.0])
    assert (average_precision(score, target), auroc(score, target)) == (1.0, 1.0)
    assert fpr_at_tpr(score, target) == 0.0
    assert (auroc(-score, target), fpr_at_tpr(-score, target)) == (0.0, 1.0)


@pytest.mark.parametrize('distinct', [5, 200, 10**6])
def test_parity_with_scikit_learn(distinct):
    reference = pytest.importorskip('sklearn.metrics', reason='scikit-learn is not installed')
    rng = np.random.default_rng(distinct)
    target = (rng.random(20_000) < 0.03).astype(np.uint8)
    noise = rng.normal(size=target.size) + 1.5 * target
    score = (np.floor(noise * distinct) / distinct).astype(np.float32)
    expected_fpr, tpr, thresholds = reference.roc_curve(target, score, drop_intermediate=False)
    first = np.argmax(tpr >= 0.95)
    assert average_precision(score, target) == pytest.approx(
        reference.average_precision_score(target, score), abs=1e-12)
    assert auroc(score, target) == pytest.approx(reference.roc_auc_score(target, score), abs=1e-12)
    assert fpr_at_tpr(score, target) == expected_fpr[first]
    assert threshold_at_tpr(score, target) == thresholds[first]


@pytest.mark.parametrize('size', [1, 3, 7, 19, 20, 21, 100, 1000])
@pytest.mark.parametrize('tpr', [0.05, 0.5, 0.9, 0.95, 1.0])
def test_threshold_at_tpr_is_the_highest_that_reaches_it(size, tpr):
    score = np.arange(size, dtype=np.float64)
    threshold = threshold_at_tpr(score, np.ones(size, np.uint8), tpr)
    assert (score >= threshold).mean() >= tpr
    assert (score >= threshold + 1).mean() < tpr


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('fpr', [0.0, 0.001, 0.01, 0.05, 0.5, 0.999])
def test_threshold_at_fpr_is_the_lowest_that_keeps_it(dtype, fpr):
    score = np.random.default_rng(1).normal(size=1000).astype(dtype)
    threshold = threshold_at_fpr(score, np.zeros(1000, np.uint8), fpr)
    assert (score >= threshold).mean() <= fpr
    lower = np.nextafter(dtype(threshold), dtype(-np.inf))
    assert (score >= lower).mean() > fpr


def test_threshold_at_fpr_with_ties_stays_below():
    score = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], np.float32)
    threshold = threshold_at_fpr(score, np.zeros(10, np.uint8), 0.1)
    assert (score >= threshold).mean() == 0


@pytest.mark.parametrize('metric', [average_precision, auroc, fpr_at_tpr, threshold_at_tpr])
def test_no_anomaly_is_named(metric):
    with pytest.raises(ParameterError, match=r'no pixel of value 1 \(anomaly\)'):
        metric(np.zeros(3), np.array([0, 0, 255]))


@pytest.mark.parametrize('metric', [auroc, fpr_at_tpr, lambda s, t: threshold_at_fpr(s, t, 0.1)])
def test_no_known_pixel_is_named(metric):
    with pytest.raises(ParameterError, match=r'no pixel of value 0 \(known\)'):
        metric(np.zeros(3), np.array([1, 1, 255]))


@pytest.mark.parametrize(('score', 'target', 'message'), [
    (np.zeros(3), np.zeros(4), 'same shape'),
    (np.zeros(3), np.array([0, 1, 7]), 'other than'),
    (np.array([0, np.nan, 0]), np.array([0, 1, 0]), 'NaN'),
    (np.array([0, np.nan, 0]), np.array([1, 0, 0]), 'NaN'),
])
def test_bad_input_is_named(score, target, message):
    with pytest.raises(ParameterError, match=message):
        average_precision(score, target)


def test_nan_at_void_pixels_is_fine():
    score = np.array([np.nan, 1, 0], np.float32)
    assert average_precision(score, np.array([255, 1, 0])) == 1.0


@pytest.mark.parametrize('value', [-0.1, 1.0, 1.5, float('nan')])
def test_impossible_rates_are_named(value):
    with pytest.raises(ParameterError, match='fpr is'):
        threshold_at_fpr(SCORE, TARGET, value)


@pytest.mark.parametrize('value', [-0.1, 0.0, 1.5, float('nan')])
def test_impossible_recalls_are_named(value):
    with pytest.raises(ParameterError, match='tpr is'):
        threshold_at_tpr(SCORE, TARGET, value)


def test_infinite_known_scores_have_no_threshold():
    with pytest.raises(ParameterError, match='no finite threshold'):
        threshold_at_fpr(np.array([np.inf, 0.0]), np.array([0, 0]), 0.0)
