# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of labels and scores for people; colours are fixed, so that frames compare."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.buffers import BufferPool, take
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import UNLABELED, ClassMap
from hybrid_perception.objects.open_set_object import OpenSetObject

IGNORED_COLOR = (128, 128, 128)
"""Grey of pixels without a score; the colour map has no grey."""


def color_label(
    label: NDArray[np.uint8], class_map: ClassMap, *, buffers: BufferPool | None = None
) -> NDArray[np.uint8]:
    """Paint each class in its colour.

    Args:
        label: (H, W) uint8, closed or open set.
        class_map: Colours; 255 and unused ids are black.
        buffers: Where memory comes from; None for new memory.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    return _apply(class_map.palette()[:, None], label, buffers)


def anomaly_color(
    score: NDArray[np.float32], *, vmin: float, vmax: float, buffers: BufferPool | None = None
) -> NDArray[np.uint8]:
    """Paint the anomaly score on a fixed scale, dark = known, bright = anomalous.

    Uses the inferno map: its lightness rises evenly, so it reads in grey and with any colour
    vision.

    Args:
        score: (H, W) float32; NaN becomes grey.
        vmin: Score of the darkest colour and of all below.
        vmax: Score of the brightest colour and of all above.
        buffers: Where memory comes from; None for new memory.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ParameterError: ``vmin`` is not below ``vmax``.
    """
    if not (np.isfinite(vmin) and np.isfinite(vmax) and vmin < vmax):
        raise ParameterError(f'vmin {vmin} must be below vmax {vmax}, both finite')
    scaled = np.subtract(score, np.float32(vmin), out=take(buffers, score.shape, np.float32))
    scaled *= np.float32(255.0 / (vmax - vmin))
    np.fmax(scaled, 0, out=scaled)  # unlike maximum and clip it turns NaN into 0
    np.fmin(scaled, 255, out=scaled)
    steps = take(buffers, score.shape, np.uint8)
    np.copyto(steps, scaled, casting='unsafe')
    rgb = _apply(_inferno(), steps, buffers)
    ignored = np.isnan(score, out=take(buffers, score.shape, np.bool_))
    if ignored.any():
        np.copyto(rgb, np.array(IGNORED_COLOR, np.uint8), where=ignored[..., None])
    return rgb


def overlay(
    rgb: NDArray[np.uint8],
    label: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    class_map: ClassMap,
    alpha: float = 0.5,
    *,
    buffers: BufferPool | None = None,
) -> NDArray[np.uint8]:
    """Lay class colours over the camera image and outline what is unknown.

    Unknown regions are filled with the unknown colour and outlined in white on black, so that
    they stand out whatever lies below. Unlabeled pixels keep the camera image.

    Args:
        rgb: (H, W, 3) uint8 camera image.
        label: (H, W) uint8 class ids.
        mask: (H, W) uint8, not 0 where unknown.
        class_map: Colours.
        alpha: Weight of the class colours, 0..1.
        buffers: Where memory comes from; None for new memory.

    Returns:
        (H, W, 3) uint8 RGB, an array of its own.

    Raises:
        ParameterError: The sizes differ or ``alpha`` is outside 0..1.
    """
    if not (rgb.shape[:2] == label.shape == mask.shape):
        raise ParameterError(
            f'image {rgb.shape[:2]}, label {label.shape} and mask {mask.shape} must have one size'
        )
    if not 0 <= alpha <= 1:
        raise ParameterError(f'alpha is {alpha}; it must lie in 0..1')
    chosen = np.not_equal(mask, 0, out=take(buffers, mask.shape, np.bool_))
    shown = take(buffers, label.shape, np.uint8)
    np.copyto(shown, label)
    np.copyto(shown, np.uint8(class_map.unknown_id), where=chosen)
    colors = color_label(shown, class_map, buffers=buffers)
    np.equal(shown, UNLABELED, out=chosen)
    cv2.copyTo(rgb, chosen.view(np.uint8), colors)
    blended = np.asarray(cv2.addWeighted(colors, alpha, rgb, 1 - alpha, 0, colors), np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    width = _line_width(rgb)
    cv2.drawContours(blended, outlines, -1, (0, 0, 0), 3 * width)
    cv2.drawContours(blended, outlines, -1, (255, 255, 255), width)
    return blended


def draw_objects(picture: NDArray[np.uint8], objects: Sequence[OpenSetObject]) -> None:
    """Draw the box of each object into a picture, and its id where it has one.

    White on black, told from the class colours by lightness and not by hue.

    Args:
        picture: (H, W, 3) uint8 RGB; drawn into.
        objects: in the geometry of the picture.
    """
    width = _line_width(picture)
    size = 0.4 * width + 0.1
    for item in objects:
        text = f'#{item.id}'
        (text_width, _), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, width)
        corner = (item.x + item.width - 1, item.y + item.height - 1)
        # An id above the box, or inside it where the picture ends. OpenCV 4's # reaches below
        # the line.
        left = max(0, min(item.x, picture.shape[1] - text_width))
        place = (left, item.y - below - 3 * width if item.y > 20 * width else item.y + 14 * width)
        # The black is the text moved: OpenCV 5 takes the thickness for the weight of its font.
        around = [(x, y) for x in (-width, width) for y in (-width, width)]
        for color, more, moves in (((0, 0, 0), 2 * width, around), ((255, 255, 255), 0, [(0, 0)])):
            cv2.rectangle(picture, (item.x, item.y), corner, color, width + more)
            for x, y in moves if item.id else ():
                cv2.putText(picture, text, (place[0] + x, place[1] + y),
                            cv2.FONT_HERSHEY_SIMPLEX, size, color, width, cv2.LINE_AA)


def _apply(
    palette: NDArray[np.uint8], steps: NDArray[np.uint8], buffers: BufferPool | None
) -> NDArray[np.uint8]:
    """Look up (H, W) uint8 in a palette (256, 1, 3); return (H, W, 3) uint8."""
    painted = take(buffers, (*steps.shape, 3), np.uint8)
    return np.asarray(cv2.applyColorMap(steps, palette, painted), np.uint8)


def _line_width(picture: NDArray[np.uint8]) -> int:
    longest: int = max(picture.shape[:2])
    return max(1, round(longest / 640))


@cache
def _inferno() -> NDArray[np.uint8]:
    """Build the (256, 1, 3) uint8 RGB table of the inferno map."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    bgr = cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(bgr[..., ::-1])
