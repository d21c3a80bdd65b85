# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Colours by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import ClassMap
from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.rendering import (
    IGNORED_COLOR,
    anomaly_color,
    color_label,
    draw_objects,
    overlay,
)

CLASSES = ClassMap(('road', 'car'), ((10, 20, 30), (40, 50, 60)), 2, 'unknown', (250, 0, 250))


def test_labels_get_their_colours():
    label = np.array([[0, 1], [2, 255]], np.uint8)
    picture = color_label(label, CLASSES)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[10, 20, 30], [40, 50, 60]], [[250, 0, 250], [0, 0, 0]]]


def test_scores_share_a_fixed_scale():
    score = np.array([[-100, 0, 5, 10, 100, np.nan, np.inf, -np.inf]], np.float32)
    picture = anomaly_color(score, vmin=0, vmax=10)[0]
    assert picture[0].tolist() == picture[1].tolist() == picture[7].tolist()
    assert picture[3].tolist() == picture[4].tolist() == picture[6].tolist()
    assert tuple(picture[5]) == IGNORED_COLOR
    lightness = picture.astype(int).sum(axis=1)
    assert lightness[1] < lightness[2] < lightness[3]
    # The same score has the same colour whatever else is in the frame.
    alone = anomaly_color(np.array([[5]], np.float32), vmin=0, vmax=10)
    assert alone[0, 0].tolist() == picture[2].tolist()


def test_lightness_rises_over_the_whole_scale():
    score = np.linspace(0, 1, 256, dtype=np.float32)[None]
    picture = anomaly_color(score, vmin=0, vmax=1)[0].astype(float)
    luma = picture @ [0.299, 0.587, 0.114]
    assert (np.diff(luma) > -1).all()
    assert luma[-1] - luma[0] > 200


@pytest.mark.parametrize(('vmin', 'vmax'), [(1, 1), (2, 1), (float('nan'), 1), (0, float('inf'))])
def test_impossible_scales_are_named(vmin, vmax):
    with pytest.raises(ParameterError, match='vmin'):
        anomaly_color(np.zeros((2, 2), np.float32), vmin=vmin, vmax=vmax)


def test_overlay_blends_known_fills_and_outlines_unknown():
    rgb = np.full((40, 40, 3), 100, np.uint8)
    label = np.zeros((40, 40), np.uint8)
    label[:, :5] = 255
    mask = np.zeros((40, 40), np.uint8)
    mask[15:30, 15:30] = 255
    before = rgb.copy()
    picture = overlay(rgb, label, mask, CLASSES, alpha=0.5)
    assert picture[2, 10].tolist() == [55, 60, 65]
    assert picture[2, 2].tolist() == [100, 100, 100]
    assert picture[22, 22].tolist() == [175, 50, 175]
    assert picture[15, 20].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(rgb, before)


def test_overlay_takes_read_only_padded_frames():
    padded = np.full((8, 20, 3), 9, np.uint8)
    padded.flags.writeable = False
    nothing = np.zeros((8, 10), np.uint8)
    picture = overlay(padded[:, :10], nothing + 255, nothing, CLASSES, alpha=1.0)
    assert (picture == 9).all()


def test_bad_input_is_named():
    rgb, small = np.zeros((4, 4, 3), np.uint8), np.zeros((2, 2), np.uint8)
    with pytest.raises(ParameterError, match='one size'):
        overlay(rgb, small, small, CLASSES)
    with pytest.raises(ParameterError, match='alpha'):
        overlay(rgb, np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), CLASSES, alpha=1.5)


def test_boxes_are_drawn_around_objects_with_their_ids_above():
    def thing(identity):
        return OpenSetObject(30, 50, 20, 10, 200, (40, 55), 1.0, 1.0, 1.0, 0, 1.0, id=identity)

    plain, numbered = (np.full((80, 100, 3), 128, np.uint8) for _ in range(2))
    draw_objects(plain, [thing(0)])
    white = np.argwhere((plain == 255).all(axis=2))
    assert (white.min(axis=0).tolist(), white.max(axis=0).tolist()) == ([50, 30], [59, 49])
    assert (plain[51, 31:48] == 0).all()   # black beside white, whatever lies below
    assert (plain[54, 35:45] == 128).all()
    draw_objects(numbered, [thing(12)])
    changed = np.argwhere((numbered != plain).any(axis=2))
    assert len(changed) > 20
    assert changed[:, 0].max() < 50
    draw_objects(plain, [])


@pytest.mark.parametrize(('ground', 'told_by'), [(255, 0), (0, 255)])
def test_an_id_is_read_on_any_ground(ground, told_by):
    picture = np.full((80, 100, 3), ground, np.uint8)
    draw_objects(picture, [OpenSetObject(
        30, 50, 20, 10, 200, (40, 55), 1.0, 1.0, 1.0, 0, 1.0, id=12)])
    above = picture[:48].astype(int)
    assert (abs(above - told_by) < 64).all(axis=2).sum() > 40


def test_an_id_at_the_upper_edge_stays_in_the_picture():
    picture = np.full((80, 100, 3), 128, np.uint8)
    draw_objects(picture, [OpenSetObject(
        0, 0, 60, 60, 9, (0, 0), 1.0, 1.0, 1.0, 0, 1.0, id=3)])
    assert (picture[4:20, 3:30] > 200).all(axis=2).sum() > 20
