# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Learning rates: warm-up, and each form of decay, at values worked out by hand."""

from __future__ import annotations

import pytest

from hybrid_training.config import OptimizerConfig
from hybrid_training.schedule import learning_rate


def rates(**options) -> list[float]:
    config = OptimizerConfig(**{'lr': 1.0, 'warmup': 0, **options})
    return [learning_rate(step, 100, config) for step in range(100)]


def test_polynomial_after_a_warm_up():
    found = rates(warmup=10, power=1.0, final=0.2)
    assert found[0] == pytest.approx(0.1)
    assert max(found) == pytest.approx(found[9], abs=0.1)
    assert found[50] == pytest.approx(0.6)
    assert found[99] == pytest.approx(0.208)


def test_cosine_falls_as_half_a_wave():
    found = rates(schedule='cosine', final=0.1)
    assert found[0] == 1.0
    assert found[50] == pytest.approx(0.55)
    assert found[25] == pytest.approx(0.1 + 0.9 * 0.8535534)  # (1 + cos 45°) / 2
    assert found[99] == pytest.approx(0.1, abs=1e-3)


def test_constant_stays_after_the_warm_up():
    found = rates(schedule='constant', warmup=4, final=0.3)
    assert found[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert found[99] == 1.0
