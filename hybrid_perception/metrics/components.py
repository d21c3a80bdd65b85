# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Component metrics of SegmentMeIfYouCan: are anomalies found as objects, not only as pixels?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics.targets import VOID, check_targets

# As the benchmark makes them: rounding decides where an overlap equals a level.
LEVELS = np.linspace(0.25, 0.75, 11)


@dataclass(frozen=True)
class SizeFilter:
    """Least sizes in pixels.

    Attributes:
        detected: smaller detected components are dropped.
        target: smaller components of the ground truth become void.
    """

    detected: int = 0
    target: int = 0


SIZE_FILTERS = {
    'none': SizeFilter(),
    'anomaly_track': SizeFilter(detected=500, target=100),
    'obstacle_track': SizeFilter(detected=50, target=10),
}
"""The benchmark's own sizes; Lost and Found is measured with those of the obstacle track."""


@dataclass(frozen=True)
class ComponentMeasures:
    """What a set's components say; NaN where there is nothing to average.

    Attributes:
        siou: mean sIoU over the components of the ground truth.
        ppv: mean positive predictive value over the detected components.
        mean_f1: F1 averaged over the eleven levels 0.25, 0.30, ..., 0.75.
        f1: by level, (11,) float64.
        num_targets: components of the ground truth that counted.
        num_detected: detected components that counted.
    """

    siou: float
    ppv: float
    mean_f1: float
    f1: NDArray[np.float64]
    num_targets: int
    num_detected: int


class ComponentMetrics:
    """Overlap of detected with true components, over a whole set.

    Source: SegmentMeIfYouCan (NeurIPS 2021), section 3.2, as its evaluation tool computes them:
    8-connected components, void pixels taken out of both sides. The tool detects where
    ``score > threshold``; here the caller decides, and everything else in this package uses
    ``score >= threshold``.
    """

    def __init__(self, sizes: SizeFilter = SIZE_FILTERS['none']) -> None:
        """Start from zero."""
        self.sizes = sizes
        self._siou: list[NDArray[np.float64]] = []
        self._ppv: list[NDArray[np.float64]] = []

    def update(self, detected: NDArray[Any], target: NDArray[Any]) -> None:
        """Count the components of one image.

        Args:
            detected: (H, W), nonzero where the detector answers anomaly.
            target: (H, W), 0 known, 1 anomaly, 2 or 255 void.

        Raises:
            ParameterError: No images of one shape, or a target value that is none of these.
        """
        siou, ppv = component_overlaps(detected, target, self.sizes)
        self._siou.append(siou)
        self._ppv.append(ppv)

    def measures(self) -> ComponentMeasures:
        """Average over the components of all images.

        Raises:
            ParameterError: No image has a component, true or detected.
        """
        siou, ppv = np.concatenate([[], *self._siou]), np.concatenate([[], *self._ppv])
        if not siou.size and not ppv.size:
            raise ParameterError(
                'there is neither a true nor a detected component to measure; give images that '
                f'hold anomalies (components of at least {self.sizes.target} pixels)')
        hits = (siou[:, None] >= LEVELS).sum(axis=0)
        false_alarms = (ppv[:, None] < LEVELS).sum(axis=0)
        f1 = 2 * hits / (hits + siou.size + false_alarms).clip(min=1)
        return ComponentMeasures(
            _mean(siou), _mean(ppv), float(f1.mean()), f1, siou.size, ppv.size)


def component_overlaps(
    detected: NDArray[Any], target: NDArray[Any], sizes: SizeFilter = SIZE_FILTERS['none']
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare the components of one image.

    Args:
        detected: (H, W), nonzero where the detector answers anomaly.
        target: (H, W), 0 known, 1 anomaly, 2 or 255 void.
        sizes: least sizes.

    Returns:
        sIoU of each true component, (T,), and PPV of each detected component, (D,); both 0..1.

    Raises:
        ParameterError: No images of one shape, or a target value that is none of these.
    """
    if target.ndim != 2 or detected.shape != target.shape:
        raise ParameterError(
            f'detected {detected.shape} and target {target.shape} must be images of one shape '
            f'(H, W)')
    check_targets(target)
    valid = ~np.isin(target, VOID)
    found = _components((detected != 0) & valid)
    true = _components(target == 1)
    found[(np.bincount(found.ravel()) < sizes.detected)[found]] = 0
    small = np.bincount(true.ravel()) < sizes.target
    small[0] = False   # the background is no component
    valid &= ~small[true]
    return _overlaps(true[valid], found[valid])


def _overlaps(
    true: NDArray[Any], found: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute sIoU and PPV from two flat component maps, 0 = none."""
    # 0 is appended so that it is number 0 also where no background is left.
    true = np.unique(np.append(true, 0), return_inverse=True)[1][:-1]
    found = np.unique(np.append(found, 0), return_inverse=True)[1][:-1]
    true_sizes = np.bincount(true, minlength=1)
    found_sizes = np.bincount(found, minlength=1)
    both = (true > 0) & (found > 0)
    # Pairs that touch, and the pixels that they share; a table of all pairs could be huge.
    pairs, shared = np.unique(
        true[both].astype(np.int64) * found_sizes.size + found[both], return_counts=True)
    number, partner = pairs // found_sizes.size, pairs % found_sizes.size
    covered = np.bincount(partner, shared, found_sizes.size)
    intersection = np.bincount(number, shared, true_sizes.size)
    touching = np.bincount(number, found_sizes[partner], true_sizes.size)
    on_others = np.bincount(number, covered[partner], true_sizes.size) - intersection
    union = true_sizes + touching - intersection
    return (intersection / (union - on_others).clip(min=1))[1:], (
        covered / found_sizes.clip(min=1))[1:]


def _components(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    return np.asarray(
        cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else float('nan')
