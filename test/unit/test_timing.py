# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""RollingStatistics with a clock of its own."""

from __future__ import annotations

import math

import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.timing import RollingStatistics


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
    assert statistics.rate == 0.0
    statistics.add(0.1)
    assert statistics.rate == 0.0


@pytest.mark.parametrize('window', [10, 1000])
def test_rate_of_a_steady_camera_and_of_one_that_stopped(window):
    clock = Clock()
    statistics = RollingStatistics(window, horizon=5.0, clock=clock)
    for _ in range(300):
        clock.now += 1 / 30
        statistics.add(0.01)
    assert statistics.rate == pytest.approx(30, rel=0.01)
    clock.now += 4
    assert 0 <= statistics.rate < 8
    clock.now += 2
    assert statistics.rate == 0.0


def test_reset_forgets():
    statistics = RollingStatistics()
    statistics.add(1.0)
    statistics.reset()
    assert statistics.count == 0
    assert math.isnan(statistics.percentile(50))


@pytest.mark.parametrize(('window', 'horizon'), [(1, 5.0), (0, 5.0), (10, 0.0)])
def test_impossible_windows_are_named(window, horizon):
    with pytest.raises(ParameterError, match='window is'):
        RollingStatistics(window, horizon=horizon)
