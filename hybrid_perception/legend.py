# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The picture that explains the others: classes, scale of the score, and how things are."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.labels import ClassMap
from hybrid_perception.rendering import IGNORED_COLOR, anomaly_color
from hybrid_perception.scene import Style

WIDTH = 480
"""Columns of the picture."""

ROW = 20
"""Rows of a line of text."""

MARGIN = 10
_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.42
_LETTERS = 58
_COLUMNS = 3
_TEXT, _BACKGROUND = (235, 235, 235), (30, 30, 30)


def render_legend(
    lines: Sequence[str], class_map: ClassMap | None = None, style: Style | None = None
) -> NDArray[np.uint8]:
    """Draw the legend.

    Args:
        lines: what is to be said, each broken where it is too long; signs outside ASCII become ?.
        class_map: classes; none where no model is loaded.
        style: scale of the score, and threshold; drawn with the classes only.

    Returns:
        (H, WIDTH, 3) uint8 RGB, H as needed.
    """
    parts = [_text(lines)]
    if class_map is not None and style is not None:
        parts = [_classes(class_map), _scale(style), *parts]
    return np.concatenate(parts)


def _blank(rows: int) -> NDArray[np.uint8]:
    return np.full((rows, WIDTH, 3), _BACKGROUND, np.uint8)


def _write(picture: NDArray[np.uint8], text: str, x: int, baseline: int) -> None:
    plain = text.encode('ascii', 'replace').decode('ascii')   # OpenCV draws no other signs
    cv2.putText(picture, plain, (x, baseline), _FONT, _SIZE, _TEXT, 1, cv2.LINE_AA)


def _text(lines: Sequence[str]) -> NDArray[np.uint8]:
    broken = [part for line in lines for part in wrap(line, _LETTERS) or ['']]
    picture = _blank(ROW * len(broken) + MARGIN)
    for number, line in enumerate(broken):
        _write(picture, line, MARGIN, ROW * number + 15)
    return picture


def _classes(class_map: ClassMap) -> NDArray[np.uint8]:
    """Draw a patch and a name for each class, the unknown, and what is ignored."""
    entries = [*zip(class_map.names, class_map.colors, strict=True),
               (class_map.unknown_name, class_map.unknown_color), ('not said', IGNORED_COLOR)]
    rows = -(-len(entries) // _COLUMNS)
    picture = _blank(ROW * rows + MARGIN)
    for number, (name, color) in enumerate(entries):
        x = MARGIN + number // rows * ((WIDTH - MARGIN) // _COLUMNS)
        y = 4 + ROW * (number % rows)
        # Filled and framed, as a class may have the colour of the background.
        cv2.rectangle(picture, (x, y), (x + 20, y + 14), color, cv2.FILLED)
        cv2.rectangle(picture, (x, y), (x + 20, y + 14), _TEXT, 1)
        _write(picture, name[:16], x + 27, y + 12)
    return picture


def _scale(style: Style) -> NDArray[np.uint8]:
    """Draw the colours of the score with both ends, and a mark at the threshold."""
    picture = _blank(3 * ROW + MARGIN)
    length = WIDTH - 2 * MARGIN
    scores = np.linspace(style.vmin, style.vmax, length, dtype=np.float32)[None]
    bar = np.s_[ROW:2 * ROW, MARGIN:MARGIN + length]
    picture[bar] = anomaly_color(scores, vmin=style.vmin, vmax=style.vmax)
    _write(picture, f'{style.vmin:g}', MARGIN, 3 * ROW - 4)
    _write(picture, f'{style.vmax:g}', WIDTH - MARGIN - 8 * len(f'{style.vmax:g}'), 3 * ROW - 4)
    share = (style.threshold - style.vmin) / (style.vmax - style.vmin)
    column = MARGIN + round(min(max(share, 0.0), 1.0) * (length - 1))
    for width, color in ((3, (0, 0, 0)), (1, (255, 255, 255))):
        cv2.line(picture, (column, ROW - 4), (column, 2 * ROW + 3), color, width)
    _write(picture, f'anomaly score; unknown from {style.threshold:.2f} on (white line)', MARGIN,
           ROW - 7)
    return picture
