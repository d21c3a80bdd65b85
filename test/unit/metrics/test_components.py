# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Component metrics by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics.components import (
    LEVELS,
    SIZE_FILTERS,
    ComponentMetrics,
    SizeFilter,
    component_overlaps,
)


def image(*boxes, value=1, shape=(6, 8)):
    drawn = np.zeros(shape, np.uint8)
    for top, bottom, left, right in boxes:
        drawn[top:bottom + 1, left:right + 1] = value
    return drawn


def measure(detected, target, sizes=SIZE_FILTERS['none']):
    metrics = ComponentMetrics(sizes)
    metrics.update(detected, target)
    return metrics.measures()


def test_worked_example():
    target = image((1, 2, 1, 2), (1, 2, 5, 6))
    detected = image((1, 2, 1, 5), (4, 5, 0, 1))
    siou, ppv = component_overlaps(detected, target)
    np.testing.assert_allclose(siou, [0.5, 0.25])
    np.testing.assert_allclose(np.sort(ppv), [0, 0.6])
    found = measure(detected, target)
    assert (found.siou, found.ppv) == pytest.approx((0.375, 0.3))
    np.testing.assert_allclose(found.f1, [0.8, *[0.5] * 5, *[0] * 5])
    assert found.mean_f1 == pytest.approx(0.3)
    assert (found.num_targets, found.num_detected) == (2, 2)


def test_perfect_and_nothing_found():
    target = image((0, 2, 0, 2), (4, 5, 5, 7))
    assert measure(target, target).mean_f1 == 1
    missed = measure(np.zeros_like(target), target)
    assert (missed.siou, missed.mean_f1) == (0, 0)
    assert np.isnan(missed.ppv)


def test_false_alarms_on_images_without_anomalies_lower_f1():
    target = image((0, 2, 0, 2))
    metrics = ComponentMetrics()
    metrics.update(target, target)
    metrics.update(image((0, 1, 0, 1)), np.zeros_like(target))
    found = metrics.measures()
    assert (found.siou, found.ppv) == (1, 0.5)
    assert found.mean_f1 == pytest.approx(2 / 3)


def test_diagonal_neighbours_are_one_component():
    target = np.eye(6, dtype=np.uint8)
    assert measure(target, target).num_targets == 1


def test_split_detection_is_judged_as_one():
    # one object of 8 pixels, covered by two detections of 2 + 4 pixels with 1 pixel outside
    target = image((1, 2, 1, 4))
    detected = image((1, 2, 1, 1), (1, 2, 3, 4), (3, 3, 4, 4))
    siou, ppv = component_overlaps(detected, target)
    np.testing.assert_allclose(siou, [6 / 9])
    np.testing.assert_allclose(np.sort(ppv), [0.8, 1])


@pytest.mark.parametrize('void', [2, 255])
def test_void_pixels_leave_both_sides(void):
    target = image((1, 2, 1, 2))
    target[3:] = void
    siou, ppv = component_overlaps(image((1, 5, 1, 2)), target)
    np.testing.assert_allclose((siou, ppv), [[1], [1]])


def test_size_filters():
    target = image((0, 1, 0, 1), (4, 4, 4, 5))
    detected = image((0, 1, 0, 2), (4, 4, 4, 5), (4, 5, 0, 0))
    # the true component of 2 becomes void and takes the detected one of 2 with it
    siou, ppv = component_overlaps(detected, target, SizeFilter(detected=2, target=3))
    np.testing.assert_allclose(siou, [4 / 6])
    np.testing.assert_allclose(np.sort(ppv), [0, 4 / 6])
    # 2 detected pixels are too few: the small true component is a miss, not void
    siou, ppv = component_overlaps(detected, target, SizeFilter(detected=3))
    np.testing.assert_allclose(siou, [4 / 6, 0])
    np.testing.assert_allclose(ppv, [4 / 6])


def test_official_filters():
    assert SIZE_FILTERS['anomaly_track'] == SizeFilter(500, 100)
    assert SIZE_FILTERS['obstacle_track'] == SizeFilter(50, 10)
    np.testing.assert_allclose(LEVELS, np.arange(25, 80, 5) / 100)


def test_against_the_definition_pixel_by_pixel():
    rng = np.random.default_rng(5)
    coarse = rng.random((2, 12, 15))
    target, detected = (np.kron(c > 0.6, np.ones((3, 3))).astype(np.uint8) for c in coarse)
    target[rng.random(target.shape) < 0.05] = 255
    label = pytest.importorskip('skimage.measure', reason='scikit-image is not installed').label
    true = label(target == 1, connectivity=2)
    found = label((detected == 1) & (target != 255), connectivity=2)
    expected = []
    for number in range(1, true.max() + 1):
        object_ = true == number
        touching = np.isin(found, np.setdiff1d(found[object_], [0]))
        others = touching & (true > 0) & ~object_
        expected.append((object_ & touching).sum() / ((object_ | touching).sum() - others.sum()))
    precision = [(true[found == n] > 0).mean() for n in range(1, found.max() + 1)]
    siou, ppv = component_overlaps(detected, target)
    np.testing.assert_allclose(np.sort(siou), np.sort(expected))
    np.testing.assert_allclose(np.sort(ppv), np.sort(precision))


@pytest.mark.parametrize(('detected', 'target', 'words'), [
    (np.zeros((2, 3)), np.zeros((3, 2)), 'images of one shape'),
    (np.zeros(3), np.zeros(3), 'images of one shape'),
    (np.zeros((2, 2)), np.full((2, 2), 7), 'values other than 0'),
])
def test_bad_input(detected, target, words):
    with pytest.raises(ParameterError, match=words):
        ComponentMetrics().update(detected, target)


def test_nothing_to_measure():
    metrics = ComponentMetrics()
    metrics.update(np.zeros((4, 4)), np.zeros((4, 4)))
    with pytest.raises(ParameterError, match='neither a true nor a detected component'):
        metrics.measures()
