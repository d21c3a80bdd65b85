# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Objects of a frame by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.objects.open_set_object import ObjectGate, find_objects
from hybrid_perception.segmentation import Segmentation

ALL = ObjectGate(min_area=0.0)


def frame(shape=(10, 20)):
    return Segmentation(np.zeros(shape, np.uint8), np.full(shape, -9, np.float32))


def find(segmentation, gate=ALL, threshold=0.0):
    return find_objects(
        segmentation, segmentation.open_set_mask(threshold), threshold=threshold,
        confidence_range=4.0, gate=gate)


def test_one_object_in_numbers():
    seen = frame()
    # An L of five pixels; its box is 3 columns by 3 rows.
    seen.anomaly_score[4:7, 10] = (0, 1, 2)
    seen.anomaly_score[6, 11:13] = (4, 8)
    seen.label[4:7, 10], seen.label[6, 11:13] = 13, 11
    item, = find(seen)
    assert (item.x, item.y, item.width, item.height, item.area) == (10, 4, 3, 3, 5)
    assert item.centroid == pytest.approx(((10 + 10 + 10 + 11 + 12) / 5, (4 + 5 + 6 + 6 + 6) / 5))
    assert (item.mean_score, item.max_score) == (3.0, 8.0)
    assert item.confidence == pytest.approx((0 + 0.25 + 0.5 + 1 + 1) / 5)
    assert (item.resembles, item.resembles_share) == (13, 0.6)
    assert (item.id, item.frames) == (0, 1)


def test_corners_join_and_gaps_part_and_the_largest_comes_first():
    seen = frame()
    seen.anomaly_score[0, 0] = seen.anomaly_score[1, 1] = 1   # by a corner
    seen.anomaly_score[5, 5] = 1
    seen.anomaly_score[0:3, 10:13] = 1
    seen.anomaly_score[9, 19] = 1
    assert [(item.area, item.x, item.y) for item in find(seen)] == [
        (9, 10, 0), (2, 0, 0), (1, 5, 5), (1, 19, 9)]
    assert [item.area for item in find(seen, ObjectGate(0.0, max_count=2))] == [9, 2]


def test_a_neighbour_inside_the_box_is_not_counted_in():
    seen = frame()
    seen.anomaly_score[2:8, 2] = seen.anomaly_score[7, 2:9] = 1
    seen.anomaly_score[3:5, 5:7] = 100
    seen.label[3:5, 5:7] = 7
    corner, block = find(seen)
    assert (corner.area, corner.max_score, corner.resembles_share) == (12, 1.0, 1.0)
    assert (block.area, block.max_score, block.resembles) == (4, 100.0, 7)


@pytest.mark.parametrize(('share', 'least'), [
    (0.0, 1), (0.005, 1), (0.0051, 2), (0.02, 4), (1.0, 200)])
def test_the_least_area_is_a_share_of_the_image(share, least):
    gate = ObjectGate(min_area=share)
    assert gate.min_pixels(10, 20) == least
    for area in (least - 1, least):
        seen = frame()
        seen.anomaly_score.reshape(-1)[:area] = 1
        assert len(find(seen, gate)) == (area == least and area > 0)


def test_what_is_ignored_parts_objects_and_belongs_to_none():
    seen = frame()
    seen.anomaly_score[3, 2:9] = 5
    seen.anomaly_score[:, 5] = np.nan
    seen.label[:, 5] = 255
    assert [(item.x, item.width, item.resembles) for item in find(seen)] == [(2, 3, 0), (6, 3, 0)]


def test_nothing_unknown_gives_nothing():
    assert find(frame()) == ()
    assert find(frame(), threshold=float('inf')) == ()


@pytest.mark.parametrize('values', [(-0.1, 5), (1.1, 5), (float('nan'), 5), (0.1, 0)])
def test_a_gate_that_cannot_be_is_refused(values):
    with pytest.raises(ParameterError, match=r'want 0\.\.1'):
        ObjectGate(*values)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ParameterError, match='one size'):
        find_objects(frame(), np.zeros((5, 5), np.uint8), threshold=0.0, confidence_range=1.0,
                     gate=ALL)
