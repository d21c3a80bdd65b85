# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The hybrid score by hand, its limits, and thresholds on it."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.open_set import confidence, hybrid_score, open_set_label, open_set_mask

# The four pixels of the worked example: logits of three classes, log-odds outlier - inlier.
LOGITS = np.array([[2, 0, 1, 0.5], [0, 1, 1, -0.5], [-1, 3, 1, 1.5]], np.float32)
DATASET_LOGIT = np.array([-3, -1, 0.5, 3], np.float32)
SCORE = [-5.21843337, -4.48310771, -2.57268927, -1.95619332]


def test_score_of_the_worked_example():
    score = hybrid_score(LOGITS, DATASET_LOGIT)
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, SCORE, atol=1e-6)


def test_score_of_an_image_is_the_score_of_its_pixels():
    score = hybrid_score(LOGITS.reshape(3, 2, 2), DATASET_LOGIT.reshape(2, 2))
    np.testing.assert_allclose(score.ravel(), SCORE, atol=1e-6)


def test_an_offset_of_all_logits_lowers_the_score_by_it():
    shifted = hybrid_score(LOGITS + 2, DATASET_LOGIT)
    np.testing.assert_allclose(shifted, np.array(SCORE) - 2, atol=1e-6)


def test_sure_pixels_stay_finite():
    # The log of a float32 softmax is -inf from a gap of 104 on.
    logits = np.array([[1000.0, -1000.0]], np.float32)
    score = hybrid_score(logits, np.array([-500.0, 500.0], np.float32))
    np.testing.assert_allclose(score, [-1500.0, 1000.0])


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ParameterError, match=r'\(3, 4\).*\(5,\)'):
        hybrid_score(LOGITS, np.zeros(5, np.float32))


def test_mask_includes_the_threshold_and_never_nan():
    score = np.array([[-np.inf, 0.4999999, 0.5], [0.5000001, np.inf, np.nan]], np.float32)
    mask = open_set_mask(score, 0.5)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 0, 255], [255, 255, 0]]


def test_a_threshold_that_was_read_from_a_score_keeps_that_pixel():
    score = np.array([[0.1, 0.7]], np.float32)
    assert open_set_mask(score, float(score[0, 0])).tolist() == [[255, 255]]
    assert open_set_mask(score, np.float64(score[0, 0])).tolist() == [[255, 255]]
    assert open_set_mask(score, 0.1).tolist() == [[255, 255]]


def test_open_set_label_of_the_worked_example():
    label = np.array([[0, 0, 0, 1, 1]], np.uint8)
    score = np.array([[-2, -2, -1, 0.6, -1]], np.float32)
    found = open_set_label(label, score, 0.5, 3)
    assert found.tolist() == [[0, 0, 0, 3, 1]]
    assert label.tolist() == [[0, 0, 0, 1, 1]]
    assert found.dtype == np.uint8


def test_ignored_pixels_stay_unlabeled():
    label = np.array([[255, 1]], np.uint8)
    score = np.array([[np.nan, np.nan]], np.float32)
    assert open_set_label(label, score, -100.0, 3).tolist() == [[255, 1]]


def test_bad_arguments_are_named():
    score = np.zeros((2, 2), np.float32)
    with pytest.raises(ParameterError, match='NaN'):
        open_set_mask(score, float('nan'))
    with pytest.raises(ParameterError, match='same shape'):
        open_set_label(np.zeros((2, 3), np.uint8), score, 0.0, 3)
    with pytest.raises(ParameterError, match='256'):
        open_set_label(np.zeros((2, 2), np.uint8), score, 0.0, 256)


def test_confidence_is_the_distance_from_the_threshold_on_a_fixed_scale():
    score = np.array([-20, -7, -4, -2, -1, 3, 4, np.nan, np.inf, -np.inf], np.float32)
    share = confidence(score, -2.0, 5.0)
    assert share.dtype == np.float32
    np.testing.assert_allclose(share, [1, 1, 0.4, 0, 0.2, 1, 1, 0, 1, 1])
    # It moves with the threshold, and depends on nothing else in the frame.
    np.testing.assert_allclose(confidence(score[2:3], -4.0, 5.0), [0])
    assert score[0] == -20


@pytest.mark.parametrize(('threshold', 'full'), [
    (np.nan, 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, np.inf), (0.0, np.nan)])
def test_confidence_refuses_what_has_no_meaning(threshold, full):
    with pytest.raises(ParameterError, match='range of the confidence'):
        confidence(np.zeros(2, np.float32), threshold, full)
