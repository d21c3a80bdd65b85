# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Codes lose no more than is stated, and nothing where a mask is made."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.open_set import open_set_mask
from hybrid_perception.rendering import IGNORED_COLOR, anomaly_color
from hybrid_perception.view.score_scale import ScoreScale

POINTS = (-10.913925170898438, -7.244411468505859, -7.071816921234131, -2.406473159790039)


@pytest.fixture
def scale():
    return ScoreScale.build((-20.0, 0.0), POINTS)


@pytest.fixture
def score():
    generator = np.random.default_rng(0)
    score = generator.normal(-8, 6, (60, 80)).astype(np.float32)
    score[0, :6] = [np.nan, -20, 0, -1e9, 1e9, np.float32(POINTS[1])]
    return score


def test_the_range_and_the_thresholds_are_edges(scale):
    assert (scale.vmin, scale.vmax) == (-20.0, 0.0)
    assert scale.edges.dtype == np.float32
    assert scale.edges.size <= 254
    assert set(np.float32(POINTS)) <= set(scale.edges)
    assert (np.diff(scale.edges) > 0).all()


def test_a_score_is_known_to_the_stated_resolution(scale, score):
    assert scale.resolution <= 20 / (253 - len(POINTS)) * 1.0001
    codes = scale.encode(score)
    inside = (score >= scale.vmin) & (score < scale.vmax)
    edge = codes[inside].astype(int) - 2
    assert (scale.edges[edge] <= score[inside]).all()
    assert (score[inside] < scale.edges[edge + 1]).all()
    assert (score[inside] - scale.edges[edge] <= scale.resolution).all()


def test_codes_of_the_ends(scale, score):
    codes = scale.encode(score)
    last = scale.edges.size + 1
    assert codes[0, :5].tolist() == [0, 2, last, 1, last]
    assert codes.dtype == np.uint8


def test_the_mask_at_every_edge_is_exact(scale, score):
    codes = scale.encode(score)
    for number, edge in enumerate(scale.edges):
        expected = open_set_mask(score, float(edge)) != 0
        assert np.array_equal(codes >= number + 2, expected), number


def test_an_operating_point_has_an_edge_of_its_own(scale, score):
    for threshold in POINTS:
        edge = scale.edge(threshold)
        assert scale.edges[edge] == np.float32(threshold)


def test_a_threshold_outside_widens_the_range():
    scale = ScoreScale.build((-20.0, 0.0), (50.0, -31.5))
    assert (scale.vmin, scale.vmax) == (-31.5, 50.0)


def test_colours_are_those_of_the_anomaly_picture(scale, score):
    codes = scale.encode(score)
    painted = scale.palette[codes].astype(int)
    expected = anomaly_color(score, vmin=scale.vmin, vmax=scale.vmax).astype(int)
    assert painted[0, 0].tolist() == list(IGNORED_COLOR)
    # Half a step of the scale is less than one of the colour map's 256 steps.
    assert np.abs(painted - expected).max() <= 8
    assert np.abs(painted - expected).mean() < 1


@pytest.mark.parametrize(('color_range', 'thresholds', 'said'), [
    ((0.0, 0.0), (), 'want VMIN < VMAX'),
    ((-1.0, np.inf), (), 'all finite'),
    ((-1.0, 1.0), (np.nan,), 'all finite'),
    ((-1.0, 1.0), range(200), '200 operating points'),
])
def test_bad_scales_are_refused(color_range, thresholds, said):
    with pytest.raises(ParameterError, match=said):
        ScoreScale.build(color_range, thresholds)
