# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Drift: distances by hand, quiet where nothing changed, and a warning where something did."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.calibration.drift_monitor import STRIKES, DriftMonitor
from hybrid_perception.calibration.drift_table import (
    BINS,
    INLIER_SHARE,
    DriftReference,
    DriftTable,
    distance,
    look_at,
)

SHAPE = (48, 64)
PERIOD = 0.1


def test_distances_by_hand():
    one, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert distance(one, one) == 0.0
    assert distance(one, other) == 1.0
    even = np.array([0.5, 0.5])
    # M = (3/4, 1/4): JSD = (1 * log2(4/3) + 1/2 log2(2/3) + 1/2 log2(2)) / 2.
    by_hand = (np.log2(4 / 3) + 0.5 * np.log2(2 / 3) + 0.5) / 2
    assert distance(one, even) == pytest.approx(np.sqrt(by_hand))
    assert distance(np.stack([one, even]), even).tolist() == pytest.approx([np.sqrt(by_hand), 0])
    assert distance(np.zeros(2), even) == 1.0


def test_pixels_are_picked_evenly_and_ignored_ones_left_out():
    score = np.zeros((720, 1280), np.float32)
    score[:, :640] = np.nan
    seen = look_at(score)
    assert 5000 < seen.size < 20000
    assert not np.isnan(seen).any()
    small = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert look_at(small).tolist() == list(range(12))


def drive(seed, frames, *, offset=0.0, spread=1.0, things=0.0):
    """Simulate a drive: the scene changes slowly, and each frame looks a little different.

    Args:
        seed: of the drive.
        frames: how many.
        offset: what a new camera, light or place adds to every score.
        spread: what it does to their spread.
        things: share of the picture that an unknown thing covers.
    """
    generator = np.random.default_rng(seed)
    mood, scores = 0.0, []
    for _ in range(frames):
        mood = 0.98 * mood + 0.2 * generator.normal() * 0.5   # minutes, not frames
        score = -12 + offset + mood + spread * (
            generator.normal(0, 2.5, SHAPE) + generator.normal(0, 0.3))
        score[generator.random(SHAPE) < 0.03] += 9   # some false alarms
        score.reshape(-1)[:int(things * score.size)] = 3.0
        scores.append(score.astype(np.float32))
    return scores


def reference_of(scores, interval=PERIOD):
    table = DriftTable()
    for number, score in enumerate(scores):
        table.add(score, 100 + interval * number)
    return table.reference()


@pytest.fixture(scope='module')
def reference():
    return DriftReference(name='mine', **{
        name: tuple(value) if isinstance(value, list) else value
        for name, value in reference_of(drive(1, 1500)).items()})


def watch(reference, scores, tolerance=1.5):
    monitor = DriftMonitor(reference, tolerance)
    states = []
    for number, score in enumerate(scores):
        monitor.add(score, 5000 + PERIOD * number)
        states.append(monitor.state)
    return states


def test_the_reference_of_a_drive(reference):
    assert reference.window == 32            # 1500 frames: 46 windows of 32
    assert reference.windows == 46
    assert reference.interval == pytest.approx(PERIOD)
    assert len(reference.edges) == len(reference.shares) == BINS
    assert list(reference.edges) == sorted(reference.edges)
    np.testing.assert_allclose(reference.shares, 1 / BINS, atol=0.02)
    assert sum(reference.shares) == pytest.approx(1)
    scores = np.concatenate([score.ravel() for score in drive(1, 1500)])
    assert np.mean(scores < reference.edges[-1]) == pytest.approx(INLIER_SHARE, abs=0.01)
    assert 0 < reference.limit < 0.5


def test_the_limit_is_the_window_farthest_from_the_rest():
    """Ten windows of one frame; the ninth differs: by hand."""
    low, high = np.full(SHAPE, -5, np.float32), np.full(SHAPE, -5, np.float32)
    low.reshape(-1)[::2] = -9
    high.reshape(-1)[::4] = -9
    found = reference_of([low] * 8 + [high, low])
    assert (found['window'], found['windows']) == (1, 10)
    # One edge parts -9 from -5, one -5 from nothing: all below the top edge are inlier-looking.
    shares = np.array(found['shares'])
    np.testing.assert_allclose(shares[shares > 0], [0.475, 0.525])
    expected = distance(np.array([0.25, 0.75]), np.array([0.5, 0.5]))
    assert found['limit'] == pytest.approx(expected)


def test_no_false_alarm_over_many_drives_like_the_calibrated_one(reference):
    windows = warned = 0
    for seed in range(100, 108):
        states = watch(reference, drive(seed, 1000))
        windows += states[-1].windows
        warned += any(state.drifted for state in states)
    assert windows == 8 * (1000 // reference.window)
    assert warned == 0


@pytest.mark.parametrize('change', [
    {'offset': 4.0}, {'offset': -4.0}, {'spread': 3.0}, {'offset': 60.0}])
def test_another_camera_light_or_place_is_noticed_within_two_windows(reference, change):
    states = watch(reference, drive(200, STRIKES * reference.window, **change))
    assert states[-1].drifted
    assert states[-1].distance > states[-1].limit
    assert not states[-2].drifted


def test_unknown_things_in_the_picture_are_no_drift(reference):
    states = watch(reference, drive(201, 1000, things=0.3))
    assert not any(state.drifted for state in states)
    assert states[-1].inlier_share == pytest.approx(0.7 * INLIER_SHARE, abs=0.05)


def test_one_odd_window_is_no_alarm_and_a_return_ends_it(reference):
    odd = drive(202, reference.window, offset=6)
    usual = drive(203, reference.window)
    states = watch(reference, odd + usual + odd + odd + usual)[reference.window - 1::
                                                               reference.window]
    assert [state.strikes for state in states] == [1, 0, 1, 2, 0]
    assert [state.drifted for state in states] == [False, False, False, True, False]


def test_frames_are_taken_as_far_apart_as_in_the_drive(reference):
    monitor = DriftMonitor(reference, 1.5)
    score = drive(1, 1)[0]
    for number in range(40):   # four times the rate: every fourth
        monitor.add(score, 1000 + number * PERIOD / 4)
    assert monitor.state.frames == 10
    for _ in range(5):   # without stamps every frame
        monitor.add(score, 2000.0)
    assert monitor.state.frames == 15


def test_frames_that_overtake_each_other_or_have_no_stamp_lose_nothing(reference):
    monitor = DriftMonitor(reference, 1.5)
    seen = []
    for number, score in enumerate(drive(5, 4)):
        monitor.add(score, 1000 + number * PERIOD)
        monitor.add(score, 1000 + number * PERIOD - 0.01)   # too near to the last to count
        seen.append(monitor.state.frames)
    assert seen == [1, 2, 3, 4]
    monitor.add(drive(5, 1)[0], 0.0)
    assert monitor.state.frames == 5


def test_time_that_jumps_back_starts_anew_and_ignored_frames_do_not_count(reference):
    monitor = DriftMonitor(reference, 1.5)
    for number, score in enumerate(drive(5, reference.window + 3)):
        monitor.add(score, 1000 + number * PERIOD)
    assert (monitor.state.windows, monitor.state.frames) == (1, 3)
    monitor.add(np.full(SHAPE, np.nan, np.float32), 2000.0)
    assert (monitor.state.windows, monitor.state.frames) == (1, 3)
    monitor.add(drive(5, 1)[0], 10.0)
    assert (monitor.state.windows, monitor.state.frames, monitor.state.distance) == (0, 1, None)


def test_a_short_drive_and_one_of_flat_scores_tell_nothing():
    assert reference_of(drive(1, 9)) is None
    assert reference_of(drive(1, 10)) is not None
    assert reference_of([np.zeros(SHAPE, np.float32)] * 20) is None
    assert DriftTable().reference() is None


@pytest.mark.parametrize(('frames', 'window', 'windows'), [
    (64, 1, 64), (65, 2, 32), (66, 2, 33), (129, 2, 64), (130, 4, 32), (1000, 16, 62)])
def test_windows_grow_with_the_drive(frames, window, windows):
    found = reference_of(drive(2, 1) * frames)
    assert (found['window'], found['windows']) == (window, windows)
    assert found['limit'] == pytest.approx(0, abs=1e-6)


def test_joining_windows_loses_no_frame():
    scores = drive(3, 130)
    found = reference_of(scores[:128])
    edges = np.array(found['edges'], np.float32)
    inlier = np.mean([
        np.histogram(score, [-np.inf, *edges])[0] / score.size for score in scores[:128]], axis=0)
    np.testing.assert_allclose(found['shares'], inlier / inlier.sum(), atol=1e-9)
