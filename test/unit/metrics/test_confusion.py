# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Confusion matrix, mIoU and open-mIoU on the worked example."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import ConfusionMatrix, open_miou
from hybrid_perception.open_set import open_set_label

TARGET = np.array(
    [[0, 0, 0, 0, 1], [0, 0, 1, 1, 1], [2, 2, 3, 3, 1], [2, 2, 3, 3, 4]], np.uint8)
LABEL = np.array(
    [[0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [2, 2, 2, 1, 1], [2, 0, 2, 1, 0]], np.uint8)
SCORE = np.array(
    [[-2, -2, -1, 0.6, -1], [-2, 0.9, -1, -2, -1], [-3, -2, 2, 1, -1], [0.7, -2, 0.2, 0.5, 5]],
    np.float32)
# The worked example writes down its labels after rejection with a strict threshold of 0.5, where
# the pixel that scores exactly 0.5 stays known. With >= the same labels need a threshold above.
THRESHOLD = float(np.nextafter(np.float32(0.5), np.float32(1)))


def open_confusion(label: np.ndarray) -> ConfusionMatrix:
    confusion = ConfusionMatrix(4, ignore=(4,))
    # Two halves: the matrix gathers over images.
    confusion.update(TARGET[:2], label[:2])
    confusion.update(TARGET[2:], label[2:])
    return confusion


def test_open_miou_of_the_worked_example():
    confusion = open_confusion(open_set_label(LABEL, SCORE, THRESHOLD, 3))
    assert confusion.counts.tolist() == [[4, 0, 0, 2], [0, 5, 0, 0], [1, 0, 2, 1], [0, 1, 1, 2]]
    np.testing.assert_allclose(confusion.iou(), [4 / 7, 5 / 6, 2 / 5, 2 / 7])
    assert open_miou(confusion) == pytest.approx(0.6015873, abs=1e-7)
    assert confusion.miou() == pytest.approx(0.5226190, abs=1e-7)


def test_without_rejection_and_with_a_perfect_detector():
    assert open_miou(open_confusion(LABEL)) == pytest.approx(0.6130952, abs=1e-7)
    oracle = np.where(TARGET == 3, np.uint8(3), LABEL)
    assert open_miou(open_confusion(oracle)) == pytest.approx(0.7658730, abs=1e-7)


def test_closed_miou_ignores_anomalies():
    confusion = ConfusionMatrix(3, ignore=(3, 4))
    confusion.update(TARGET, LABEL)
    np.testing.assert_allclose(confusion.iou(), [5 / 7, 5 / 6, 3 / 4])
    assert confusion.miou() == pytest.approx(0.7658730, abs=1e-7)


def test_absent_classes_do_not_count():
    confusion = ConfusionMatrix(3)
    confusion.update(np.array([[0, 0, 255]], np.uint8), np.array([[0, 1, 2]], np.uint8))
    np.testing.assert_array_equal(confusion.iou(), [0.5, 0.0, np.nan])
    assert confusion.miou() == 0.25


@pytest.mark.parametrize(('target', 'label', 'message'), [
    (np.zeros((2, 2), int), np.zeros((2, 3), int), 'same shape'),
    (np.full((2, 2), 7), np.zeros((2, 2), int), 'target has values 7..7'),
    (np.full((2, 2), -1), np.zeros((2, 2), int), 'target has values -1..-1'),
    (np.zeros((2, 2), int), np.full((2, 2), 255), 'label has values 255..255'),
    (np.zeros((2, 2)), np.zeros((2, 2), int), 'float64'),
])
def test_bad_input_is_named_and_not_counted(target, label, message):
    confusion = ConfusionMatrix(3)
    with pytest.raises(ParameterError, match=message):
        confusion.update(target, label)
    assert confusion.counts.sum() == 0


def test_nothing_counted_is_named():
    with pytest.raises(ParameterError, match='no class was counted'):
        ConfusionMatrix(3).miou()
    with pytest.raises(ParameterError, match='no class was counted'):
        open_miou(ConfusionMatrix(1))


def test_ignored_classes_are_named():
    with pytest.raises(ParameterError, match='must not be classes'):
        ConfusionMatrix(20, ignore=(19,))
