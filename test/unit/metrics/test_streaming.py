# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Streamed against exact figures, on scores of every shape, and the bound that is stated."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import ScoreBins, StreamingRanking, ranking_curve

STATED = 1e-4
SIZE = 200_000


def anomalies(rng, share=0.02):
    return (rng.random(SIZE) < share).astype(np.uint8)


def hybrid(rng, target):
    return -rng.gamma(30, 0.5, SIZE) + 4 * target * rng.random(SIZE)


def max_softmax(rng, target):
    margin = rng.exponential(6, SIZE) * (1 - 0.6 * target)
    return 1 / (1 + np.exp(margin))


def cauchy(rng, target):
    return rng.standard_cauchy(SIZE) + 2 * target


def lognormal(rng, target):
    return np.exp(3 * rng.normal(size=SIZE) + 2 * target)


def two_scales(rng, target):
    return np.where(target == 1, 1e6 * rng.random(SIZE), rng.normal(size=SIZE))


def far_from_zero(rng, target):
    return (1000 + rng.normal(size=SIZE) + target).astype(np.float32)


def half_precision(rng, target):
    return hybrid(rng, target).astype(np.float16)


def eight_bits(rng, target):
    return (hybrid(rng, target) * 6 + 200).clip(0, 255).astype(np.uint8)


def mostly_saturated(rng, target):
    return np.where(rng.random(SIZE) < 0.7 - 0.5 * target, 0, max_softmax(rng, target))


def discriminative(rng, target):
    return -np.logaddexp(0, 20 * rng.normal(size=SIZE) + 40 - 60 * target)


def probability(rng, target):
    return np.exp(discriminative(rng, target))


SHAPES = [hybrid, max_softmax, cauchy, lognormal, two_scales, far_from_zero, half_precision,
          eight_bits, mostly_saturated, discriminative]


def stream(score, target, parts=8):
    streaming = StreamingRanking()
    for some_scores, some_targets in zip(
            np.array_split(score, parts), np.array_split(target, parts), strict=True):
        streaming.update(some_scores, some_targets)
    return streaming


@pytest.mark.parametrize('share', [0.002, 0.1])
@pytest.mark.parametrize('shape', SHAPES, ids=lambda shape: shape.__name__)
def test_within_the_stated_error(shape, share):
    rng = np.random.default_rng(7)
    target = anomalies(rng, share)
    score = shape(rng, target)
    streaming = stream(score, target)
    exact, streamed = ranking_curve(score, target), streaming.curve()
    proven = streaming.errors()
    for name in ('average_precision', 'auroc', 'fpr_at_tpr'):
        error = abs(getattr(streamed, name)() - getattr(exact, name)())
        assert error <= STATED, name
        assert error <= getattr(proven, name) + 1e-12, name
    assert abs(streamed.best_f1()[1] - exact.best_f1()[1]) <= STATED
    for level in (0.5, 0.95):
        found = (score[target == 1].astype(np.float32) >= streamed.threshold_at_tpr(level)).mean()
        assert level <= found <= level + max(STATED, 1 / target.sum()) or shape in (
            half_precision, eight_bits, mostly_saturated)


@pytest.mark.parametrize('shape', [hybrid, cauchy, lognormal, two_scales])
def test_the_proven_bound_is_small_too(shape):
    rng = np.random.default_rng(3)
    target = anomalies(rng, 0.1)
    proven = stream(shape(rng, target), target).errors()
    assert max(proven) <= 2e-4


def test_the_bound_holds_for_coarse_bins_and_is_needed():
    rng = np.random.default_rng(2)
    target = anomalies(rng)
    score = hybrid(rng, target)
    streaming = StreamingRanking(ScoreBins(-15.0, 2.0, bits=1))
    streaming.update(score, target)
    exact, streamed, proven = ranking_curve(score, target), streaming.curve(), streaming.errors()
    for name in ('average_precision', 'auroc', 'fpr_at_tpr'):
        error = abs(getattr(streamed, name)() - getattr(exact, name)())
        assert 1e-3 < error <= getattr(proven, name)


def test_where_the_stated_error_ends_the_proven_bound_says_so():
    rng = np.random.default_rng(8)
    target = anomalies(rng, 0.1)
    assert max(stream(probability(rng, target), target).errors()) > STATED


def test_counts_and_thresholds_are_exact():
    rng = np.random.default_rng(0)
    target = rng.choice([0, 1, 2, 255], SIZE).astype(np.uint8)
    score = rng.standard_cauchy(SIZE).astype(np.float32)
    curve = stream(score, target).curve()
    assert curve.false_positives[-1] == (target == 0).sum()
    assert curve.true_positives[-1] == (target == 1).sum()
    for index in (0, 10, 1000, -1):
        detected = score >= curve.thresholds[index]
        assert (detected & (target == 1)).sum() == curve.true_positives[index]
        assert (detected & (target == 0)).sum() == curve.false_positives[index]


def test_infinite_scores_are_ranked():
    score = np.array([-np.inf, -104, -3, 0, np.inf], np.float32)
    target = np.array([0, 0, 1, 0, 1])
    streaming = StreamingRanking()
    streaming.update(score, target)
    exact = ranking_curve(score, target)
    assert streaming.curve().average_precision() == exact.average_precision()


def test_a_flat_first_image_does_not_spoil_the_scale():
    rng = np.random.default_rng(4)
    target = anomalies(rng)
    score = hybrid(rng, target)
    streaming = StreamingRanking()
    streaming.update(np.full(100, -12.0), np.zeros(100, int))
    streaming.update(score, target)
    exact = ranking_curve(np.append(np.full(100, -12.0), score), np.append(np.zeros(100), target))
    assert streaming.curve().average_precision() == pytest.approx(
        exact.average_precision(), abs=STATED)


def test_merged_streams_equal_one_stream():
    rng = np.random.default_rng(6)
    target, score = anomalies(rng), rng.normal(size=SIZE)
    whole, first = StreamingRanking(), StreamingRanking()
    whole.update(score[:1000], target[:1000])
    first.update(score[:1000], target[:1000])
    second = StreamingRanking(first.bins)
    whole.update(score[1000:], target[1000:])
    second.update(score[1000:], target[1000:])
    first.merge(second)
    first.merge(StreamingRanking())
    np.testing.assert_array_equal(first.curve().true_positives, whole.curve().true_positives)
    np.testing.assert_array_equal(first.curve().thresholds, whole.curve().thresholds)
    with pytest.raises(ParameterError, match='start both streams with the same bins'):
        first.merge(StreamingRanking(ScoreBins(0, 1)))


def test_memory_is_that_of_the_bins_in_use_however_many_pixels_come():
    rng = np.random.default_rng(0)
    target = anomalies(rng)
    streaming = StreamingRanking()
    for _ in range(3):
        streaming.update(hybrid(rng, target), target)
    usual = streaming.nbytes
    assert 1e5 < usual < 10e6
    for _ in range(3):
        streaming.update(hybrid(rng, target), target)
    assert streaming.nbytes <= 1.1 * usual
    # two far scores take a page each, and every bin there is takes no more than this
    streaming.update([-np.inf, 1e30], [0, 1])
    assert streaming.nbytes <= 1.1 * usual + 2 * 65536
    everywhere = StreamingRanking(ScoreBins(0, 1))
    scale = 2.0**np.linspace(-20, 127, 100_000)
    everywhere.update(np.concatenate([scale, -scale]), np.zeros(200_000))
    assert everywhere.nbytes <= 67e6


@pytest.mark.parametrize('size', [3, 5000])   # few scores are sorted, many are counted
def test_counts_of_far_and_near_scores(size):
    rng = np.random.default_rng(5)
    score = np.concatenate([rng.normal(size=size), [1e-30, -1e30, np.inf, -np.inf]])
    score = score.astype(np.float32)
    target = np.arange(score.size) % 2
    streaming = StreamingRanking(ScoreBins(0, 1e-3))
    streaming.update(score, target)
    curve, exact = streaming.curve(), ranking_curve(score, target)
    assert curve.true_positives[-1] == target.sum()
    assert curve.auroc() == pytest.approx(exact.auroc(), abs=1e-3)
    for index in range(0, curve.thresholds.size, max(1, curve.thresholds.size // 50)):
        detected = score >= curve.thresholds[index]
        assert detected.sum() == curve.true_positives[index] + curve.false_positives[index]


@pytest.mark.parametrize(('score', 'target', 'words'), [
    ([1.0, np.nan], [0, 1], 'score is NaN'),
    ([1.0, 2.0], [0], 'same shape'),
    ([1.0, 2.0], [0, 3], 'values other than'),
    ([np.inf, -np.inf], [0, 1], 'no finite score'),
])
def test_bad_input(score, target, words):
    with pytest.raises(ParameterError, match=words):
        StreamingRanking().update(score, target)


def test_nothing_yet():
    with pytest.raises(ParameterError, match='no pixel of value 0'):
        StreamingRanking().curve()
    known_only = StreamingRanking()
    known_only.update([1.0, 2.0], [0, 0])
    with pytest.raises(ParameterError, match='no pixel of value 1'):
        known_only.curve()


def test_bins_keep_the_order_and_name_their_lowest_score():
    rng = np.random.default_rng(9)
    score = np.sort(np.concatenate([
        rng.standard_cauchy(5000) * 100, [-np.inf, np.inf, 0.0, -3.25, -3.2500002, -3.2499998],
    ])).astype(np.float32)
    bins = ScoreBins(-3.25, 0.1, bits=8)
    index = bins.index(score)
    assert (np.diff(index) >= 0).all()
    assert 0 <= index.min() <= index.max() < bins.count
    lowest = bins.lowest(index)
    assert (lowest <= score).all()
    np.testing.assert_array_equal(bins.index(lowest), index)
    below = np.nextafter(lowest[index > 0], np.float32(-np.inf))
    assert (bins.index(below) < index[index > 0]).all()


@pytest.mark.parametrize('numbers', [(np.nan, 1, 16), (0, 0, 16), (0, 1, 24), (0, np.inf, 16)])
def test_bad_bins(numbers):
    with pytest.raises(ParameterError, match='want a finite'):
        ScoreBins(*numbers)
