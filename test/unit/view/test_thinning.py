# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A bounded, even choice of frames, of a drive of any length."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hybrid_perception.view.thinning import stride, thin


@pytest.mark.parametrize('count', [0, 1, 2, 7, 8, 9, 15, 16, 17, 100, 1000])
@pytest.mark.parametrize('limit', [2, 5, 8])
def test_the_choice_is_even_and_bounded(count, limit):
    kept = thin(range(count), limit, lambda item: item)
    assert len(kept) <= limit
    assert len(kept) >= min(count, limit // 2)
    assert kept[:1] == list(range(count))[:1]
    steps = {after - before for before, after in pairwise(kept)}
    assert len(steps) <= 1
    if steps:
        assert count - kept[-1] <= steps.pop()   # up to the end of the drive


def test_what_is_passed_over_is_not_made():
    made = []
    thin(range(1000), 4, made.append)
    assert len(made) < 40


@pytest.mark.parametrize(('total', 'limit', 'every'), [
    (None, 5, 1), (5, 5, 1), (6, 5, 2), (10, 5, 2), (11, 5, 3), (1, 60, 1),
])
def test_stride(total, limit, every):
    assert stride(total, limit) == every
    if total:
        assert len(range(0, total, every)) <= limit
