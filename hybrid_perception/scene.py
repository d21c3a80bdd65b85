# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One segmented frame, and the images that are made of it: the same live and in replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.buffers import BufferPool, take
from hybrid_perception.labels import ClassMap
from hybrid_perception.manifest import CONFIDENCE_RANGE
from hybrid_perception.objects.open_set_object import ObjectGate, OpenSetObject, find_objects
from hybrid_perception.open_set import confidence
from hybrid_perception.rendering import anomaly_color, color_label, draw_objects, overlay
from hybrid_perception.segmentation import Segmentation


@dataclass(frozen=True)
class Style:
    """The settings of the outputs that may change from frame to frame.

    Attributes:
        threshold: lowest anomaly score of an unknown pixel.
        overlay_alpha: weight of the class colours in the overlay, 0..1.
        vmin: score of the first colour of the anomaly picture.
        vmax: score of its last colour.
        confidence_range: distance from the threshold at which confidence is full.
        objects: which regions of the unknown count as objects.
        overlay_objects: whether the overlay shows their boxes.
    """

    threshold: float
    overlay_alpha: float
    vmin: float
    vmax: float
    confidence_range: float = CONFIDENCE_RANGE
    objects: ObjectGate = field(default_factory=ObjectGate)
    overlay_objects: bool = False


@dataclass(frozen=True)
class Scene:
    """One segmented frame and all that its outputs are made of, each computed when asked for.

    Attributes:
        segmentation: label and score, (H, W).
        view: the camera image in the geometry of the segmentation, (H, W, 3) uint8 RGB.
        class_map: names and colours.
        style: settings of the outputs.
        track: gives the objects of this frame their ids; none where they stay as they are.
        buffers: where memory of the outputs comes from; None for new memory.
    """

    segmentation: Segmentation
    view: NDArray[np.uint8]
    class_map: ClassMap
    style: Style
    track: Callable[[tuple[OpenSetObject, ...]], tuple[OpenSetObject, ...]] | None = None
    buffers: BufferPool | None = None

    @cached_property
    def mask(self) -> NDArray[np.uint8]:
        """Return the unknown pixels, (H, W) uint8, 0 or 255."""
        return self.segmentation.open_set_mask(self.style.threshold, buffers=self.buffers)

    @property
    def open_set_label(self) -> NDArray[np.uint8]:
        """Return the label with the unknown class written in, (H, W) uint8."""
        return self.segmentation.open_set_label(
            self.style.threshold, self.class_map.unknown_id, buffers=self.buffers)

    @property
    def confidence(self) -> NDArray[np.uint8]:
        """Return the distance from the decision between known and unknown, (H, W) uint8."""
        share = confidence(
            self.segmentation.anomaly_score, self.style.threshold, self.style.confidence_range,
            buffers=self.buffers)
        share *= 255
        rounded = take(self.buffers, share.shape, np.uint8)
        return np.rint(share, out=rounded, casting='unsafe')

    @cached_property
    def objects(self) -> tuple[OpenSetObject, ...]:
        """Return the connected parts of the unknown; found once, as finding them moves ids on."""
        found = find_objects(
            self.segmentation, self.mask, threshold=self.style.threshold,
            confidence_range=self.style.confidence_range, gate=self.style.objects)
        return found if self.track is None else self.track(found)

    @property
    def overlay(self) -> NDArray[np.uint8]:
        """Return the classes and the unknown drawn into the picture, (H, W, 3) uint8."""
        picture = overlay(
            self.view, self.segmentation.label, self.mask, self.class_map,
            self.style.overlay_alpha, buffers=self.buffers)
        if self.style.overlay_objects:
            draw_objects(picture, self.objects)
        return picture


@dataclass(frozen=True)
class ImageOutput:
    """One image topic below the node's name."""

    topic: str
    encoding: str
    render: Callable[[Scene], NDArray[Any]]


LABELS = (
    ImageOutput('label', 'mono8', lambda scene: scene.segmentation.label),
    ImageOutput('open_set_label', 'mono8', lambda scene: scene.open_set_label),
    ImageOutput('open_set_mask', 'mono8', lambda scene: scene.mask),
    ImageOutput('anomaly_score', '32FC1', lambda scene: scene.segmentation.anomaly_score),
)
EXTRAS = (
    ImageOutput('confidence', 'mono8', lambda scene: scene.confidence),
)
PICTURES = (
    ImageOutput('color_label', 'rgb8',
                lambda scene: color_label(
                    scene.segmentation.label, scene.class_map, buffers=scene.buffers)),
    ImageOutput('overlay', 'rgb8', lambda scene: scene.overlay),
    ImageOutput('anomaly_color', 'rgb8', lambda scene: anomaly_color(
        scene.segmentation.anomaly_score, vmin=scene.style.vmin, vmax=scene.style.vmax,
        buffers=scene.buffers)),
)
IMAGES = (*LABELS, *EXTRAS, *PICTURES)
"""All of them, what machines read first."""
