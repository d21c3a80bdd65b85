# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The golden test: a planted pixel and a planted lost frame are found, and nothing else is."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from hybrid_perception.compare.difference import ScoreHistogram, score_distance
from hybrid_perception.compare.matching import WINDOW, match_frames
from hybrid_perception.compare.output_frame import OutputFrame
from hybrid_perception.compare.score_drift import ScoreDrift
from hybrid_perception.compare.tolerances import Tolerances
from hybrid_perception.replay.frame import Stamp

from .conftest import STORE, camera, pixels, read_bag, write_bag

STAMP_5 = '1.500000123'


@pytest.fixture
def golden(tmp_path, replay):
    return replay(write_bag(tmp_path / 'in', camera(range(10))), output='golden.mcap')


def altered(path, source, change):
    """Copy a bag, with each message as ``change(topic, message)`` leaves it, or without it."""
    messages = []
    with AnyReader([source]) as reader:
        for connection, time, content in reader.messages():
            message = STORE.deserialize_cdr(content, connection.msgtype)
            message.data = message.data.copy()
            if change(connection.topic, message) is not False:
                messages.append((connection.topic, time, (connection.msgtype, message)))
    return write_bag(path, messages)


def is_fifth(message):
    return f'{message.header.stamp.sec}.{message.header.stamp.nanosec:09d}' == STAMP_5


def test_a_bag_equals_itself_and_a_second_run(tmp_path, golden, replay, run_tool):
    again = replay(tmp_path / 'in', output='again.mcap')
    code, out, err = run_tool('compare', golden, again, '--html', tmp_path / 'r.html', model=None)
    assert (code, err) == (0, '')
    assert '10 in both, 0 missing from the second, 0 extra' in out
    assert out.endswith('within the tolerances\n')
    assert 'No frame differs.' in (tmp_path / 'r.html').read_text(encoding='utf-8')


@pytest.mark.parametrize(('name', 'said'), [
    ('label', 'label_agreement is 0.998958333, below 1'),
    ('open_set_label', 'open_set_label_agreement is 0.998958333, below 1'),
    ('open_set_mask', 'mask_iou is 0.9'),
    ('anomaly_score', 'score_difference is 0.0078125, above 0'),
])
def test_a_planted_pixel_is_found_and_shown(tmp_path, golden, run_tool, name, said):
    def change(topic, message):
        if topic.endswith('/' + name) and is_fifth(message):
            image = pixels(message)
            row, column = next(zip(*np.nonzero(image == image.max()), strict=True))
            image[row, column] = (image[row, column] - np.float32(0.0078125)
                                  if name == 'anomaly_score' else 0 if image.max() else 1)
            planted.append((row, column))

    planted = []
    changed = altered(tmp_path / 'changed', golden, change)
    page = tmp_path / 'report.html'
    code, out, _ = run_tool('compare', golden, changed, '--html', page, model=None)
    assert code == 1
    assert said in out
    assert out.count('OUTSIDE') == (2 if name == 'anomaly_score' else 1)
    assert re.findall(r'^worst .*', out, re.MULTILINE)[0].startswith(
        f'worst     /perception at {STAMP_5}')
    assert len(re.findall(r'^worst .*', out, re.MULTILINE)) == 1
    shown = page.read_text(encoding='utf-8')
    (row, column), = planted
    assert f'1 pixels differ, the first at x {column}, y {row}' in shown
    assert shown.count('data:image/png') == 12   # four outputs: first, second, difference


def test_a_planted_lost_frame_is_found_on_either_side(tmp_path, golden, run_tool):
    shorter = altered(tmp_path / 'shorter', golden,
                      lambda _, message: False if is_fifth(message) else None)
    code, out, _ = run_tool('compare', golden, shorter, model=None)
    assert code == 1
    assert f'9 in both, 1 missing from the second (at {STAMP_5}), 0 extra' in out
    assert 'missing_frames is 1, above 0' in out
    code, out, _ = run_tool('compare', shorter, golden, '--json', model=None)
    document = json.loads(out)
    assert (code, document['missing']) == (1, [])
    assert document['extra'] == [['/perception', STAMP_5]]
    assert document['violations'] == ['extra_frames is 1, above 0']


def test_tolerances_of_a_file_are_kept(tmp_path, golden, run_tool):
    def change(topic, message):
        if topic.endswith('anomaly_score'):
            message.data.view(np.float32)[:] += 0.25

    changed = altered(tmp_path / 'changed', golden, change)
    file = tmp_path / 'limits.json'
    for limit, expected in ((0.3, 0), (0.2, 1)):
        file.write_text(json.dumps(
            {'max_score_difference': limit, 'max_mean_score_difference': 0.3}))
        code, out, _ = run_tool('compare', golden, changed, '--tolerances', file, model=None)
        assert code == expected, out
    percentiles = json.loads(run_tool(
        'compare', golden, changed, '--json', model=None)[1])['score_percentiles']
    np.testing.assert_allclose(list(percentiles.values()), 0.25, rtol=0.02)


def test_drift_is_of_the_distribution_and_not_of_pixels():
    draw = np.random.default_rng(0)
    scores = draw.normal(-30, 5, (6, 200, 200)).astype(np.float32)
    same, shuffled, moved, drawn, far = (ScoreDrift() for _ in range(5))
    for score in scores:
        same.add(score, score)
        shuffled.add(score, draw.permutation(score.ravel()).reshape(score.shape))
        moved.add(score, score + np.float32(5))   # by a standard deviation
        drawn.add(score, draw.normal(-30, 5, score.shape).astype(np.float32))
        far.add(score, score + np.float32(1000))
    assert same.distance() == 0.0
    assert shuffled.distance() < 0.03   # other pixels are looked at
    assert drawn.distance() < 0.03
    assert far.distance() == pytest.approx(1.0, abs=1e-6)
    # Two normal distributions a standard deviation apart, by numerical integration.
    x = np.linspace(-12, 13, 20_001)
    one, other = (np.exp(-(x - mean) ** 2 / 2) / np.sqrt(2 * np.pi) for mean in (0, 1))
    middle = (one + other) / 2
    divergence = sum((p * np.log2(np.maximum(p, 1e-300) / middle)).sum() for p in (one, other)) / 2
    assert moved.distance() == pytest.approx(np.sqrt(divergence * (x[1] - x[0])), rel=0.03)


def test_drift_passes_over_frames_without_a_score():
    drift, nothing = ScoreDrift(), np.full((4, 4), np.nan, np.float32)
    drift.add(nothing, nothing)
    assert drift.distance() is None
    score = np.arange(16, dtype=np.float32).reshape(4, 4)
    drift.add(score, score)
    drift.add(score, nothing)
    assert drift.distance() == 0.0


def test_drift_is_told_and_may_be_limited(tmp_path, golden, run_tool):
    def change(topic, message):
        if topic.endswith('anomaly_score'):
            message.data.view(np.float32)[:] += 10

    assert 'score drift               0 (' in run_tool('compare', golden, golden, model=None)[1]
    changed = altered(tmp_path / 'changed', golden, change)
    limits = {'max_score_difference': 11, 'max_mean_score_difference': 11}
    file = tmp_path / 'limits.json'
    file.write_text(json.dumps(limits))
    code, out, _ = run_tool(
        'compare', golden, changed, '--tolerances', file, '--json', model=None)
    assert code == 0   # no limit unless one is asked for
    found = json.loads(out)['score_drift']
    assert 0.05 < found < 0.9
    for limit, expected in ((found + 0.01, 0), (found - 0.01, 1)):
        file.write_text(json.dumps({**limits, 'max_score_drift': limit}))
        code, out, _ = run_tool('compare', golden, changed, '--tolerances', file, model=None)
        assert code == expected, out
    assert 'score_drift is 0.' in out


@pytest.mark.parametrize(('content', 'said'), [
    ('{"max_frames": 1}', 'must be a JSON object of some of max_missing_frames'),
    ('{"min_mask_iou": "high"}', "min_mask_iou is 'high'; it must be a number"),
    ('[', 'is not JSON'),
])
def test_wrong_tolerances_are_named(tmp_path, golden, run_tool, content, said):
    (tmp_path / 'limits.json').write_text(content)
    code, _, err = run_tool('compare', golden, golden, '--tolerances', tmp_path / 'limits.json',
                            model=None)
    assert (code, said in err) == (1, True)


def test_bags_that_cannot_be_compared_are_named(tmp_path, golden, replay, run_tool):
    later = replay(write_bag(tmp_path / 'later', camera(range(50, 53))), output='later.mcap')
    code, _, err = run_tool('compare', golden, later, model=None)
    assert (code, 'have no stamp in common (10 and 3 frames)' in err) == (1, True)
    code, _, err = run_tool('compare', golden, tmp_path / 'in', model=None)
    assert (code, 'it has /cam/image_raw' in err) == (1, True)
    code, _, err = run_tool('compare', golden, tmp_path / 'none', model=None)
    assert (code, 'does not exist' in err) == (1, True)
    fewer = replay(tmp_path / 'in', '--outputs', 'label', output='fewer.mcap')
    code, _, err = run_tool('compare', golden, fewer, model=None)
    assert (code, 'replay both with the same --outputs' in err) == (1, True)


def test_frames_of_another_size_have_nothing_in_common(tmp_path, golden, replay, run_tool):
    other = replay(tmp_path / 'in', '--output-size', 'network', output='network.mcap')
    code, out, _ = run_tool(
        'compare', golden, other, '--html', tmp_path / 'r.html', '--worst', 1, model=None)
    assert code == 1
    assert 'score_difference is inf, above 0' in out
    assert 'label_agreement is 0, below 1' in out


def test_the_golden_bag_is_what_the_bag_says(golden):
    # compare reads with the same library as it writes; here the numbers are taken by hand.
    masks = [pixels(message) for topic, _, message in read_bag(golden) if 'mask' in topic]
    assert len(masks) == 10
    assert all(set(np.unique(mask)) == {0, 255} for mask in masks)


def frames(numbers, prefix='/p'):
    return iter([OutputFrame(prefix, Stamp(number, 0)) for number in numbers])


def stamps(pairs):
    return [(pair.first and pair.first.stamp.sec, pair.second and pair.second.stamp.sec)
            for pair in pairs]


def test_matching_finds_every_partner_over_a_long_gap():
    long = list(range(200))
    short = [number for number in long if not 50 <= number < 150]
    for first, second, side in ((long, short, 0), (short, long, 1)):
        pairs = stamps(match_frames(frames(first), frames(second)))
        assert sorted(pair[0] for pair in pairs if None not in pair) == short
        assert sorted(pair[side] for pair in pairs if None in pair) == list(range(50, 150))


def test_matching_pairs_equal_stamps_in_order_and_puts_up_with_disorder():
    assert stamps(match_frames(frames([1, 1, 2]), frames([1, 1, 2]))) == [(1, 1), (1, 1), (2, 2)]
    assert stamps(match_frames(frames([1, 1]), frames([1]))) == [(1, 1), (1, None)]
    mixed = [2, 1, 3, 0, 5, 4]
    assert sorted(stamps(match_frames(frames(mixed), frames(range(6))))) == [
        (number, number) for number in range(6)]
    assert len(mixed) <= WINDOW


def test_score_distance_by_hand():
    nan, inf = np.nan, np.inf
    first = np.array([[1, nan, nan, inf]], np.float32)
    second = np.array([[1.5, nan, 0, inf]], np.float32)
    np.testing.assert_array_equal(score_distance(first, second), [[0.5, 0, inf, 0]])


def test_percentiles_of_known_differences():
    histogram = ScoreHistogram()
    histogram.add(np.zeros((9, 10), np.float32))
    histogram.add(np.full((1, 10), 4.0, np.float32))
    assert histogram.percentile(50) == 0.0
    assert histogram.percentile(90) == 0.0
    assert histogram.percentile(99) == pytest.approx(4.0, rel=0.02)


def test_nothing_to_compare_is_no_violation():
    assert Tolerances().violations({'min_mask_iou': None, 'max_score_difference': 0.0}) == []
