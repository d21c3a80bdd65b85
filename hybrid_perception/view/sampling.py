# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Smaller pictures for a view: labels and scores by choice, camera images by mean."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def small_size(height: int, width: int, limit: int) -> tuple[int, int]:
    """Return (height, width) of a picture that is no wider than ``limit``."""
    return (height, width) if width <= limit else (max(1, round(height * limit / width)), limit)


def sample(image: NDArray[Any], limit: int) -> NDArray[Any]:
    """Take evenly spaced pixels, unchanged: a mask of them is the mask at those pixels.

    Args:
        image: (H, W) labels or scores.
        limit: largest width.

    Returns:
        The size of ``small_size``, the dtype of ``image``.
    """
    old_height, old_width = image.shape
    height, width = small_size(old_height, old_width, limit)
    if width == old_width:
        return image
    rows = ((np.arange(height) + 0.5) * old_height / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * old_width / width).astype(np.intp)
    chosen: NDArray[Any] = image[np.ix_(rows, columns)]
    return chosen


def shrink(rgb: NDArray[np.uint8], limit: int) -> NDArray[np.uint8]:
    """Make a picture, (H, W, 3) uint8, as small as ``sample`` makes its labels."""
    old_height, old_width = rgb.shape[:2]
    height, width = small_size(old_height, old_width, limit)
    if width == old_width:
        return rgb
    return np.asarray(
        cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
