# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The legend as a picture, for viewers that have none of their own."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.labels import Color
from hybrid_perception.view.legend import Legend

_WIDTH, _ROW, _MARGIN = 420, 30, 10
_INK, _FRAME = (0, 0, 0), (110, 110, 110)
_SMALLEST = 0.3


def legend_picture(legend: Legend, shades: Sequence[Color]) -> NDArray[np.uint8]:
    """Draw the scale of the score, the classes, and the shades of the operating points.

    Characters that OpenCV's font lacks become question marks.

    Args:
        legend: what is drawn.
        shades: a colour for each operating point.

    Returns:
        (H, 420, 3) uint8 RGB.
    """
    classes = legend.class_map
    entries = [*zip(classes.names, classes.colors, strict=True),
               (f'{classes.unknown_name} (outlined)', classes.unknown_color)]
    points = [(f'{name}  >= {point.threshold:.2f}', shade) for (name, point), shade
              in zip(legend.points.items(), shades, strict=True)]
    rows = 5 + len(entries) + len(points)
    picture = np.full((rows * _ROW + 2 * _MARGIN, _WIDTH, 3), 255, np.uint8)
    _write(picture, 'anomaly score', _MARGIN, 0, bold=True)
    _draw_scale(picture, legend)
    _write(picture, 'classes', _MARGIN, 3, bold=True)
    _draw_entries(picture, entries, 4)
    _write(picture, 'operating points', _MARGIN, 4 + len(entries), bold=True)
    _draw_entries(picture, points, 5 + len(entries))
    return picture


def _draw_scale(picture: NDArray[np.uint8], legend: Legend) -> None:
    scale = legend.scale
    bar = scale.palette[None, 2:scale.edges.size + 1]
    top, width = _MARGIN + _ROW, _WIDTH - 2 * _MARGIN
    picture[top:top + _ROW - 6, _MARGIN:-_MARGIN] = cv2.resize(
        bar, (width, _ROW - 6), interpolation=cv2.INTER_NEAREST)
    _write(picture, f'{scale.vmin:g}', _MARGIN, 2)
    _write(picture, f'{scale.vmax:g}', _WIDTH - _MARGIN, 2, right=True)


def _draw_entries(
    picture: NDArray[np.uint8], entries: Sequence[tuple[str, Color]], row: int
) -> None:
    for name, color in entries:
        top = _MARGIN + row * _ROW + 3
        corners = (_MARGIN, top), (_MARGIN + 34, top + _ROW - 7)
        cv2.rectangle(picture, *corners, color, cv2.FILLED)
        cv2.rectangle(picture, *corners, _FRAME, 1)
        _write(picture, name, _MARGIN + 46, row)
        row += 1


def _write(
    picture: NDArray[np.uint8], text: str, left: int, row: int, *, bold: bool = False,
    right: bool = False,
) -> None:
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.62
    while True:   # a long name is written smaller
        width = cv2.getTextSize(text, font, scale, 1 + bold)[0][0]
        if right or left + width <= _WIDTH - _MARGIN or scale < _SMALLEST:
            break
        scale *= 0.9
    origin = (left - width if right else left, _MARGIN + row * _ROW + 21)
    cv2.putText(picture, text, origin, font, scale, _INK, 1 + bold, cv2.LINE_AA)
