# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One frame to look at, from a bag, from a drive segmented now, or from the running node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.geometry import resize_frame
from hybrid_perception.labels import UNLABELED, ClassMap
from hybrid_perception.replay.frame import Stamp
from hybrid_perception.scene import Scene, Style
from hybrid_perception.segmentation import Segmentation

QUANTILES = {'median': 0.5, '90 %': 0.9, '99 %': 0.99, '99.9 %': 0.999}
"""Those of the scores of one frame that a view plots."""


@dataclass(frozen=True, eq=False)
class ViewFrame:
    """A frame.

    Attributes:
        stamp: of the camera image.
        score: (H, W) float32, NaN where nothing is said.
        label: (H, W) uint8 known classes; None where they are not to be had.
        camera: (H, W, 3) uint8 RGB in the geometry of the score; None where not to be had.
        times: milliseconds by name, such as ``processing_time_ms``.
    """

    stamp: Stamp
    score: NDArray[np.float32]
    label: NDArray[np.uint8] | None
    camera: NDArray[np.uint8] | None
    times: Mapping[str, float] = field(default_factory=dict)

    def scene(self, class_map: ClassMap, style: Style) -> Scene:
        """Return what the pictures are made of; black where there is no camera image."""
        label = (np.full(self.score.shape, UNLABELED, np.uint8) if self.label is None
                 else self.label)
        camera = (np.zeros((*self.score.shape, 3), np.uint8) if self.camera is None
                  else self.camera)
        return Scene(Segmentation(label, self.score), camera, class_map, style)

    def quantiles(self) -> dict[str, float]:
        """Compute ``QUANTILES`` of the finite scores; empty where there are none."""
        finite = self.score[np.isfinite(self.score)]
        if not finite.size:
            return {}
        values = np.quantile(finite, tuple(QUANTILES.values()))
        return dict(zip(QUANTILES, map(float, values), strict=True))


class ViewSource(Protocol):
    """Anything that frames to look at can be read from."""

    @property
    def total(self) -> int | None:
        """Number of frames, where it is known."""
        ...

    @property
    def timed(self) -> bool:
        """Whether frames come with times."""
        ...

    @property
    def notes(self) -> list[str]:
        """What was found wrong so far, in words."""
        ...

    def frames(self, every: int = 1) -> Iterator[ViewFrame]:
        """Read each ``every``-th frame."""
        ...


def check_label(label: NDArray[np.uint8], class_map: ClassMap) -> None:
    """Make sure that a label can be of a model with these classes.

    Raises:
        ParameterError: It has an id that they have not.
    """
    largest = int(label[label != UNLABELED].max(initial=0))
    if largest >= class_map.num_classes:
        raise ParameterError(
            f'the labels have the class id {largest}, the model has 0..'
            f'{class_map.num_classes - 1}; name the model that made them with --model')


def fit_camera(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Bring a camera image to the size (height, width) of the outputs, which may be smaller."""
    return rgb if rgb.shape[:2] == size else resize_frame(rgb, size)
