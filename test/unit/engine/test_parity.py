# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The proof: differences by hand, and what must not pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hybrid_perception.engine.parity import BARS, compare, parity_image
from hybrid_perception.exceptions import EngineError

IMAGE = np.zeros((1, 10, 100, 3), np.uint8)


class Answer:
    """An engine that always gives the same."""

    name = 'answer'
    detail = ''
    concurrent_calls = 1

    def __init__(self, label=None, score=None):
        self.label = np.zeros((10, 100), np.uint8) if label is None else label
        self.score = np.zeros((10, 100), np.float32) if score is None else score

    def infer(self, image):
        return self.label, self.score

    def close(self):
        pass


def spots(count, value, dtype):
    array = np.zeros(1000, dtype)
    array[:count] = value
    return array.reshape(10, 100)


def judge(manifest, precision='fp32', **answer):
    return compare(replace(manifest, precision=precision), Answer(**answer), Answer(), IMAGE)


def test_the_same_answer_passes(manifest):
    parity = judge(manifest)
    assert parity.to_dict() == {
        'passed': True, 'label_agreement': 1.0, 'mask_agreement': 1.0,
        'score_difference': 0.0, 'score_difference_max': 0.0}


def test_values_by_hand(manifest):
    parity = judge(manifest, label=spots(4, 2, np.uint8), score=spots(3, 60.0, np.float32))
    assert parity.label_agreement == 0.996
    assert parity.mask_agreement == 0.997, 'the threshold of the tiny model is 50'
    assert parity.score_difference == pytest.approx(60.0)
    assert parity.score_difference_max == 60.0
    assert not parity.passed
    assert 'labels agree on 99.60 %' in str(parity)


@pytest.mark.parametrize('precision', BARS)
def test_the_bars_of_each_precision(manifest, precision):
    bar = BARS[precision]
    for factor, passes in ((0.99, True), (1.01, False)):
        score = np.full((10, 100), factor * bar.score_difference, np.float32)
        assert judge(manifest, precision, score=score).passed is passes
    wrong = round(1000 * (1 - bar.label_agreement))
    assert judge(manifest, precision, label=spots(wrong, 1, np.uint8)).passed
    assert not judge(manifest, precision, label=spots(wrong + 1, 1, np.uint8)).passed


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_scores_that_are_no_numbers_do_not_pass(manifest, value):
    parity = judge(manifest, 'int8', score=np.full((10, 100), value, np.float32))
    assert not parity.passed
    assert np.isfinite(parity.score_difference_max)


def test_a_reference_without_numbers_proves_nothing(manifest):
    with pytest.raises(EngineError, match='cannot prove another engine'):
        compare(manifest, Answer(), Answer(score=np.full((10, 100), np.nan, np.float32)), IMAGE)


def test_the_image_is_the_same_every_time_and_full_of_contrast():
    image = parity_image(64, 128)
    assert (image.shape, image.dtype) == ((1, 64, 128, 3), np.uint8)
    np.testing.assert_array_equal(image, parity_image(64, 128))
    for channel in range(3):
        assert image[..., channel].min() < 40
        assert image[..., channel].max() > 215
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 4000
