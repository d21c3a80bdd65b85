# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The legend shows every class, the scale, the threshold, and what is said."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.labels import ClassMap
from hybrid_perception.legend import MARGIN, ROW, WIDTH, render_legend
from hybrid_perception.rendering import IGNORED_COLOR, anomaly_color
from hybrid_perception.scene import Style

CLASSES = ClassMap(('road', 'car', 'tree'), ((10, 120, 30), (240, 50, 160), (90, 9, 70)), 3,
                   'unknown', (250, 0, 250))


def has(picture, color):
    return int((picture == color).all(axis=2).sum())


def test_every_class_has_a_patch_of_its_colour():
    picture = render_legend([], CLASSES, Style(-5.0, 0.5, -20.0, 0.0))
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (WIDTH, 3)
    for color in (*CLASSES.colors, CLASSES.unknown_color, IGNORED_COLOR):
        assert has(picture, color) >= 19 * 13, color


@pytest.mark.parametrize(('threshold', 'share'), [
    (-20.0, 0), (-5.0, 0.75), (0.0, 1), (9.0, 1), (-90.0, 0)])
def test_the_scale_is_that_of_the_picture_and_the_threshold_stands_on_it(threshold, share):
    picture = render_legend([], CLASSES, Style(threshold, 0.5, -20.0, 0.0))
    length = WIDTH - 2 * MARGIN
    bar = picture[ROW * 2 + MARGIN + ROW + 8, MARGIN:MARGIN + length].astype(int)
    expected = anomaly_color(
        np.linspace(-20, 0, length, dtype=np.float32)[None], vmin=-20, vmax=0)[0]
    marked = np.flatnonzero((bar == 255).all(axis=1))
    assert marked.tolist() == [round(share * (length - 1))]
    away = np.abs(np.arange(length) - marked[0]) > 2
    np.testing.assert_array_equal(bar[away], expected[away])


def test_long_lines_are_broken_and_no_sign_is_too_strange():
    short, long = render_legend(['one']), render_legend(['word ' * 30])
    assert short.shape[0] == ROW + MARGIN
    assert long.shape[0] == 3 * ROW + MARGIN
    assert (long[2 * ROW:, :, 0] > 100).sum() > 50
    assert render_legend([]).shape == (MARGIN, WIDTH, 3)
    np.testing.assert_array_equal(render_legend(['a \u00fc']), render_legend(['a ?']))
