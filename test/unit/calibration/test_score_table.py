# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Thresholds by hand, and the guarantee by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.calibration.score_table import ScoreTable
from hybrid_perception.exceptions import ParameterError


def table_of(frames, **arguments):
    table = ScoreTable(**arguments)
    for frame in frames:
        table.add(np.asarray(frame, np.float32))
    return table


def test_the_threshold_of_a_drive_worked_by_hand():
    # 19 frames of 10 pixels with the scores 0..9, rate 0.3: R(t) may reach 0.3 - 0.7 / 19 = 0.263,
    # so two of ten pixels may lie at or above the threshold and three may not.
    table = table_of([np.arange(10.0).reshape(2, 5)] * 19)
    threshold = table.threshold(0.3)
    assert 7 < threshold <= 8
    assert table.rate(threshold) == pytest.approx(0.2)
    # 99 frames allow R = 0.3 - 0.7 / 99 = 0.2929: the same. At 0.31 three may.
    assert 6 < table_of([np.arange(10.0).reshape(2, 5)] * 99).threshold(0.31) <= 7


def test_frames_weigh_the_same_and_nan_weighs_nothing():
    # One frame of 4 pixels and one of 2: a rate by pixels would be 2/6, by frames it is 1/2.
    table = table_of([[[0.0, 0, 0, 0]], [[9.0, 9, np.nan, np.nan]]])
    assert table.rate(5.0) == pytest.approx(0.5)
    assert table.frames == 2
    assert table.add(np.full((2, 2), np.nan, np.float32)) is False
    assert table.frames == 2


def test_too_few_frames_cannot_guarantee_so_low_a_rate():
    table = table_of([[[0.0, 1.0]]] * 99)
    assert table.lowest_rate == pytest.approx(0.01)
    assert table.rate(table.threshold(0.01)) == 0.0
    with pytest.raises(ParameterError, match=r'99 frames cannot .* needs 199 frames'):
        table.threshold(0.005)
    with pytest.raises(ParameterError, match='must lie between 0 and 1'):
        table.threshold(1.0)
    with pytest.raises(ParameterError, match='0 frames'):
        ScoreTable().threshold(0.5)


def test_quantiles_and_rates_are_those_of_the_scores():
    scores = np.random.default_rng(1).normal(-8, 3, (20, 30, 40)).astype(np.float32)
    table = table_of(scores)
    for share in (0.01, 0.5, 0.9, 0.999):
        assert table.quantile(share) == pytest.approx(np.quantile(scores, share), abs=0.02)
    threshold = table.threshold(0.1)
    assert table.rate(threshold) == pytest.approx(np.mean(scores >= threshold), abs=1e-12)


def test_order_of_frames_changes_only_the_bins():
    scores = np.random.default_rng(2).normal(0, 1, (50, 8, 8)).astype(np.float32)
    forward, backward = table_of(scores), table_of(scores[::-1])
    assert forward.threshold(0.1) == pytest.approx(backward.threshold(0.1), abs=0.01)


@pytest.mark.parametrize(('frames', 'rate'), [(19, 0.1), (49, 0.05)])
def test_the_expected_rate_on_a_new_frame_is_at_most_the_one_asked_for(frames, rate):
    """Coverage by simulation: frames differ (light, place), so pixels are far from independent."""
    generator = np.random.default_rng(frames)

    def drive(count):
        offset = generator.gamma(2.0, 1.0, (count, 1, 1))
        return (offset + generator.normal(0, 1, (count, 8, 8))).astype(np.float32)

    trials = 120
    rates = np.empty(trials)
    for trial in range(trials):
        threshold = table_of(drive(frames), bits=8).threshold(rate)
        rates[trial] = np.mean(drive(50) >= threshold)   # the mean over 50 new frames
    mean, error = rates.mean(), rates.std() / np.sqrt(trials)
    assert mean <= rate + 3 * error
    # Not by being useless: the theory bounds the slack by 2 / (n + 1) for continuous scores.
    assert mean >= rate - 2 / (frames + 1) - 3 * error - 0.003


def test_without_the_correction_the_guarantee_would_not_hold():
    generator = np.random.default_rng(5)
    rate, frames, trials = 0.05, 9, 1000
    plain = np.empty(trials)
    for trial in range(trials):
        scores = generator.gamma(2.0, 1.0, (frames + 1, 1)) + generator.normal(0, 0.1, (10, 16))
        plain[trial] = np.mean(scores[-1] >= np.quantile(scores[:-1], 1 - rate))
    assert plain.mean() > rate + 2 * plain.std() / np.sqrt(trials)
