# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ids over frames: who keeps his, and who gets a new one."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.objects.tracking import MAX_GAP, MAX_MISSED, ObjectTracker


def at(x, y=50, width=20, height=20):
    return OpenSetObject(x, y, width, height, width * height, (x, y), 1.0, 2.0, 0.5, 0, 1.0)


def ids(tracker, stamp, *objects):
    return [item.id for item in tracker.update(objects, stamp)]


def test_objects_keep_their_ids_in_any_order_of_detection():
    tracker = ObjectTracker()
    assert ids(tracker, 0.0, at(0), at(100), at(200)) == [1, 2, 3]
    assert ids(tracker, 0.1, at(203), at(2), at(97)) == [3, 1, 2]
    seen = tracker.update([at(94), at(206)], 0.2)
    assert [(item.id, item.frames) for item in seen] == [(2, 3), (3, 3)]


def test_an_object_that_moves_by_its_own_width_per_frame_keeps_its_id():
    tracker = ObjectTracker()
    assert {ids(tracker, 0.5 * step, at(20 * step))[0] for step in range(20)} == {1}


def test_motion_tells_apart_two_that_pass_each_other():
    # They meet in the middle; where they overlap, only the motion says which is which.
    tracker = ObjectTracker()
    for step in range(21):
        left, right = ids(tracker, 0.1 * step, at(10 * step, 48), at(200 - 10 * step, 52))
        assert (left, right) == (1, 2), step


def test_a_short_absence_is_bridged_on_the_way_it_went_and_a_long_one_is_not():
    for missed, same in ((MAX_MISSED, True), (MAX_MISSED + 1, False)):
        tracker = ObjectTracker()
        for step in range(5):
            ids(tracker, 0.1 * step, at(15 * step))
        for step in range(5, 5 + missed):
            assert ids(tracker, 0.1 * step) == []
        step = 5 + missed
        assert (ids(tracker, 0.1 * step, at(15 * step)) == [1]) is same


def test_after_a_pause_nothing_is_the_same():
    tracker = ObjectTracker()
    assert ids(tracker, 10.0, at(0)) == [1]
    assert ids(tracker, 10.0 + MAX_GAP, at(0)) == [1]
    assert ids(tracker, 10.1 + 2 * MAX_GAP, at(0)) == [2]


def test_time_that_jumps_back_and_reset_forget_but_never_give_an_id_twice():
    tracker = ObjectTracker()
    assert ids(tracker, 10.0, at(0), at(100)) == [1, 2]
    assert ids(tracker, 5.0, at(0), at(100)) == [3, 4]
    tracker.reset()
    assert ids(tracker, 5.1, at(0)) == [5]


def test_frames_that_overtake_each_other_or_have_no_stamp_keep_the_ids():
    tracker = ObjectTracker()
    for stamp in (10.0, 10.1, 10.09, 10.2, 0.0, 10.3, 10.25, 10.4):
        assert ids(tracker, stamp, at(0), at(100)) == [1, 2], stamp


def test_one_object_goes_on_where_two_could_and_the_best_fit_wins():
    tracker = ObjectTracker()
    assert ids(tracker, 0.0, at(50)) == [1]
    assert ids(tracker, 0.1, at(62), at(51)) == [2, 1]   # it falls apart
    assert ids(tracker, 0.2, at(52)) == [1]


def test_frames_without_stamps_are_told_apart_by_place():
    tracker = ObjectTracker()
    for step in range(5):
        assert ids(tracker, 0.0, at(3 * step), at(100)) == [1, 2]


@pytest.mark.parametrize('rate', [2.0, 10.0, 30.0])
def test_a_busy_scene_with_flicker_has_few_changes_of_id(rate):
    """Ten objects on straight ways, with noise on the boxes and a tenth of the detections lost."""
    generator = np.random.default_rng(3)
    start = generator.uniform((0, 0), (1000, 500), (10, 2))
    speed = generator.uniform(-30, 30, (10, 2))   # pixels per second
    size = generator.integers(30, 80, (10, 2))
    tracker, given = ObjectTracker(), [[] for _ in range(10)]
    for step in range(60):
        place = start + speed * step / rate + generator.normal(0, 1.5, (10, 2))
        shown = np.flatnonzero(generator.random(10) > 0.1)
        objects = [at(*(int(v) for v in (*place[n], *size[n]))) for n in shown]
        for number, item in zip(shown, tracker.update(objects, step / rate), strict=True):
            given[number].append(item.id)
    changes = sum(int(np.count_nonzero(np.diff(row))) for row in given)
    assert changes <= 2, [sorted(set(row)) for row in given]
