# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Durations and rates, with a clock of their own."""

from __future__ import annotations

import math

import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.timing import Rate, RollingStatistics


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_percentiles_of_the_window():
    statistics = RollingStatistics(window=4)
    for seconds in (9.0, 0.1, 0.2, 0.3, 0.4):
        statistics.add(seconds)
    assert statistics.count == 4
    assert statistics.percentile(50) == pytest.approx(0.25)
    assert statistics.percentile(100) == pytest.approx(0.4)
    assert statistics.percentile(0) == pytest.approx(0.1)


def test_nothing_measured():
    statistics = RollingStatistics()
    assert math.isnan(statistics.percentile(50))
    rate = Rate()
    assert rate.value == 0.0
    rate.add()
    assert rate.value == 0.0


@pytest.mark.parametrize('bunch', [1, 5, 50])
@pytest.mark.parametrize('hertz', [30, 500, 5000])
def test_rate_of_a_steady_camera_and_of_one_that_stopped(hertz, bunch):
    clock = Clock()
    rate = Rate(horizon=5.0, clock=clock)
    for _ in range(8 * hertz // bunch):
        clock.now += bunch / hertz
        rate.add(bunch)
    assert rate.value == pytest.approx(hertz, rel=0.01)
    clock.now += 4
    assert 0 <= rate.value < hertz / 3
    clock.now += 2
    assert rate.value == 0.0


def test_bursts_with_pauses_have_the_rate_of_their_time():
    clock = Clock()
    rate = Rate(horizon=5.0, clock=clock)
    for _ in range(10):
        for _ in range(150):    # more than any window of frames holds
            clock.now += 0.001
            rate.add()
        clock.now += 0.85
    assert rate.value == pytest.approx(150, rel=0.15)


def test_reset_forgets():
    statistics = RollingStatistics()
    statistics.add(1.0)
    statistics.reset()
    assert statistics.count == 0
    assert math.isnan(statistics.percentile(50))


@pytest.mark.parametrize('window', [1, 0])
def test_impossible_windows_are_named(window):
    with pytest.raises(ParameterError, match=f'window is {window}'):
        RollingStatistics(window)
    with pytest.raises(ParameterError, match=f'horizon is {-window}'):
        Rate(-window)
