# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Training pictures that int8 is calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.geometry import resize_frame
from hybrid_training.config import TrainingConfig
from hybrid_training.data.class_list import ClassList
from hybrid_training.training_data import open_inliers

PICTURES = 30
EVERY = 5
"""Of so many pictures one decides which layers stay in float, the others decide the scales."""


@dataclass(frozen=True)
class Calibration:
    """Training pictures, each (1, H, W, 3) uint8 RGB of the network's size.

    Attributes:
        scales: the steps of activations are chosen on these.
        layers: the layers that stay in float are chosen on these.
        source: where they come from, in words.
    """

    scales: Sequence[NDArray[np.uint8]]
    layers: Sequence[NDArray[np.uint8]]
    source: str


def open_calibration(
        config: TrainingConfig, data_root: Path, classes: ClassList, size: tuple[int, int],
) -> Calibration:
    """Read training pictures, evenly spread over all inlier sets; never validation ones.

    Args:
        config: its `inliers` are read.
        data_root: folder that `{data}` stands for.
        classes: of the configuration.
        size: (height, width) of the network.
    """
    sets = [open_inliers(inliers, data_root, classes) for inliers in config.inliers]
    places = [(pairs, index) for pairs in sets for index in range(len(pairs))]
    count = min(PICTURES, len(places))
    chosen = [places[int(i)] for i in np.linspace(0, len(places) - 1, count).round()]
    pictures = [resize_frame(pairs.image(index), size)[None] for pairs, index in chosen]
    layers = pictures[EVERY // 2::EVERY] or pictures
    scales = [picture for i, picture in enumerate(pictures) if i % EVERY != EVERY // 2]
    names = ', '.join(inliers.root.replace('{data}/', '') for inliers in config.inliers)
    return Calibration(scales, layers, f'{count} pictures of {names}')
