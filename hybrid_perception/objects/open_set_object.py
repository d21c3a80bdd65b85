# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Connected regions of unknown pixels, each described in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.open_set import confidence
from hybrid_perception.segmentation import Segmentation


@dataclass(frozen=True)
class ObjectGate:
    """Which regions are worth to be called an object.

    Attributes:
        min_area: least share of the image's pixels, 0..1. A share means the same for every image
            size and for ``output_size: network``.
        max_count: most objects of one frame; the largest are kept.

    Raises:
        ParameterError: A number outside these ranges.
    """

    min_area: float = 0.0002
    max_count: int = 50

    def __post_init__(self) -> None:
        if not (0 <= self.min_area <= 1 and self.max_count >= 1):
            raise ParameterError(
                f'the least area of an object is {self.min_area} of the image and the most '
                f'objects are {self.max_count}; want 0..1, and 1 or more')

    def min_pixels(self, height: int, width: int) -> int:
        """Convert the least area into pixels of an image, at least 1."""
        return max(1, math.ceil(self.min_area * height * width))


@dataclass(frozen=True)
class OpenSetObject:
    """One connected region of unknown pixels.

    Attributes:
        x: leftmost column of its box, pixels.
        y: topmost row of its box, pixels.
        width: columns of its box.
        height: rows of its box.
        area: number of its pixels.
        centroid: mean (x, y) of its pixels, with the centre of the first pixel at (0, 0).
        mean_score: mean anomaly score of its pixels.
        max_score: highest of them.
        confidence: mean of ``open_set.confidence`` over its pixels, 0..1.
        resembles: the known class that most of its pixels resemble.
        resembles_share: share of its pixels that do, 0..1.
        id: the same over frames, from 1; 0 where nothing follows the objects.
        frames: number of frames in which it was seen, this one included.
    """

    x: int
    y: int
    width: int
    height: int
    area: int
    centroid: tuple[float, float]
    mean_score: float
    max_score: float
    confidence: float
    resembles: int
    resembles_share: float
    id: int = 0
    frames: int = 1


def find_objects(
    segmentation: Segmentation,
    mask: NDArray[np.uint8],
    *,
    threshold: float,
    confidence_range: float,
    gate: ObjectGate,
) -> tuple[OpenSetObject, ...]:
    """Find the objects of one frame, the largest first.

    Pixels that touch by a side or a corner belong together. What is ignored (region of interest,
    ignore mask) is never in the mask, hence in no object; nor is what the engine gave no usable
    answer for.

    Args:
        segmentation: label and score, (H, W).
        mask: (H, W) uint8, not 0 where unknown.
        threshold: the threshold that made the mask.
        confidence_range: see ``open_set.confidence``.
        gate: which regions count.

    Raises:
        ParameterError: The mask has another size.
    """
    if mask.shape != segmentation.label.shape:
        raise ParameterError(
            f'the mask {mask.shape} and the label {segmentation.label.shape} must have one size')
    if segmentation.unusable is not None:
        mask = np.where(segmentation.unusable, np.uint8(0), mask)
    _, regions, stats, centroids = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0   # the background
    numbers = np.flatnonzero(areas >= gate.min_pixels(*mask.shape))
    # Regions are numbered in reading order, which a stable sort keeps among equals.
    numbers = numbers[np.argsort(-areas[numbers], kind='stable')][:gate.max_count]
    found = []
    for number in numbers:
        x, y, width, height = (int(value) for value in stats[number, :cv2.CC_STAT_AREA])
        box = np.s_[y:y + height, x:x + width]
        inside = regions[box] == number
        score = segmentation.anomaly_score[box][inside]
        votes = np.bincount(segmentation.label[box][inside])
        found.append(OpenSetObject(
            x=x, y=y, width=width, height=height, area=int(areas[number]),
            centroid=(float(centroids[number, 0]), float(centroids[number, 1])),
            mean_score=float(score.mean(dtype=np.float64)), max_score=float(score.max()),
            confidence=float(confidence(score, threshold, confidence_range).mean()),
            resembles=int(votes.argmax()), resembles_share=float(votes.max() / score.size)))
    return tuple(found)
