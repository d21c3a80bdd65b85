# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Comparison of an engine with ONNX Runtime on the CPU: a plan is proven before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.base import Backend
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import Manifest

QUANTILE = 0.999
"""Share of the pixels whose scores must agree: single pixels may tip at a class boundary."""


@dataclass(frozen=True)
class Bar:
    """What two engines that run the same graph must reach.

    Attributes:
        label_agreement: Least share of pixels with the same label, 0..1.
        score_difference: Largest difference of the anomaly scores, nats, for 99.9 % of the pixels.
    """

    label_agreement: float
    score_difference: float


BARS: Mapping[str, Bar] = {
    'fp32': Bar(label_agreement=0.999, score_difference=0.02),
    'fp16': Bar(label_agreement=0.995, score_difference=0.2),
    'int8': Bar(label_agreement=0.98, score_difference=0.5),
}
"""By the precision in the manifest. Both sides run the same graph, so that only the order of
additions and the rounding inside of kernels differ."""


@dataclass(frozen=True)
class Parity:
    """How much an engine differs from the CPU on one image.

    Attributes:
        passed: Whether it is close enough.
        label_agreement: Share of pixels with the same label, 0..1.
        mask_agreement: Share of pixels on the same side of the default threshold, 0..1.
        score_difference: Difference of the anomaly scores that 99.9 % of the pixels keep, nats.
        score_difference_max: Largest difference, nats.
    """

    passed: bool
    label_agreement: float
    mask_agreement: float
    score_difference: float
    score_difference_max: float

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON types."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f'labels agree on {100 * self.label_agreement:.2f} % of the pixels, open-set masks on '
            f'{100 * self.mask_agreement:.2f} %, scores within {self.score_difference:.4f} '
            f'(99.9 %) and {self.score_difference_max:.4f} (all)'
        )


def compare(
    manifest: Manifest, engine: Backend, reference: Backend, image: NDArray[np.uint8]
) -> Parity:
    """Run both engines on one image.

    Args:
        manifest: The model of both.
        engine: The one to prove.
        reference: The one to trust.
        image: (1, H, W, 3) uint8 RGB of the model's size.

    Raises:
        EngineError: One of them failed, or the reference gave scores that are not finite.
    """
    label, score = engine.infer(image)
    true_label, true_score = reference.infer(image)
    if not np.isfinite(true_score).all():
        raise EngineError(
            f'{reference.name} gave scores that are not finite for model {manifest.name}: it '
            'cannot prove another engine')
    difference = np.abs(score.astype(np.float64) - true_score)
    # NaN must fail, and must not pass through a comparison as False.
    difference = np.where(np.isfinite(difference), difference, np.finfo(np.float32).max)
    threshold = manifest.threshold()
    bar = BARS[manifest.precision]
    agreement = float(np.mean(label == true_label))
    most = float(np.quantile(difference, QUANTILE))
    return Parity(
        passed=agreement >= bar.label_agreement and most <= bar.score_difference,
        label_agreement=agreement,
        mask_agreement=float(np.mean((score >= threshold) == (true_score >= threshold))),
        score_difference=most,
        score_difference_max=float(difference.max()),
    )


def parity_image(height: int, width: int) -> NDArray[np.uint8]:
    """Draw an image with soft and hard edges, texture and all brightnesses, the same every time.

    Returns:
        (1, height, width, 3) uint8 RGB.
    """
    rows, columns = np.meshgrid(
        np.linspace(0, 1, height, dtype=np.float32), np.linspace(0, 1, width, dtype=np.float32),
        indexing='ij')
    planes = []
    for channel, (down, across) in enumerate(((3, 5), (4, 2), (1, 6))):
        waves = np.sin(2 * np.pi * (down * rows + across * columns) + channel)
        boxes = np.sign(np.sin(2 * np.pi * 7 * columns) * np.sin(2 * np.pi * 5 * rows))
        planes.append(128 + 70 * waves + 30 * boxes)
    noise = np.random.default_rng(20220707).normal(0, 8, (height, width, 3))
    image = np.stack(planes, axis=-1) + noise
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)[None]
