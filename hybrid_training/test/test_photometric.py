# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Photometric jitter: each strength does its part, and none does nothing."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_training.config import PhotometricConfig
from hybrid_training.data.photometric import PhotometricJitter

OFF = {'gamma': 0, 'gain': 0, 'tint': 0, 'offset': 0, 'saturation': 0, 'blur_share': 0,
       'noise_share': 0}
IMAGE = np.random.default_rng(0).integers(60, 190, (32, 48, 3)).astype(np.uint8)


def jittered(seed: int = 0, **strengths) -> np.ndarray:
    return PhotometricJitter(**{**OFF, **strengths})(IMAGE, np.random.default_rng(seed))


def test_without_strengths_the_image_is_left_as_it_is():
    np.testing.assert_array_equal(jittered(), IMAGE)


@pytest.mark.parametrize('strength', [
    {'gamma': 0.3}, {'gain': 0.3}, {'tint': 0.2}, {'offset': 20}, {'saturation': 0.5},
    {'blur_share': 1}, {'noise_share': 1}], ids=lambda s: next(iter(s)))
def test_each_strength_changes_the_image_within_its_range(strength):
    found = [jittered(seed, **strength) for seed in range(8)]
    assert all(f.shape == IMAGE.shape and f.dtype == np.uint8 for f in found)
    assert all((f != IMAGE).any() for f in found)
    if 'offset' in strength:
        assert max(abs(f.astype(int) - IMAGE).max() for f in found) <= 21
    if 'saturation' in strength:  # colours move, brightness hardly
        gray = np.array([0.299, 0.587, 0.114])
        assert max(np.abs((f - IMAGE.astype(float)) @ gray).mean() for f in found) < 3


def test_defaults_of_the_configuration_are_those_of_the_jitter():
    assert PhotometricJitter(**dict(PhotometricConfig())) == PhotometricJitter()
