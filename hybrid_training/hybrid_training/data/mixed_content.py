# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Mixed-content images: negatives pasted into inlier images (ECCV 2022, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.label_ids import PASTED, VOID
from hybrid_training.data.negatives import NegativeBank


@dataclass(frozen=True)
class MixedContent:
    """Paste cut-outs and rectangles of negatives into an image.

    Attributes:
        bank: where the negatives come from.
        count: least and most patches per image.
        size: least and most length of a patch's longer side, in pixels; drawn log-uniformly.
        rectangle_share: share of patches pasted as whole rectangles instead of along the mask.
        feather: least and most deviation of the Gaussian that softens the rim, pixels.
        rows: where patches' centres may lie, from 0 (top) to 1 (bottom of the image).
    """

    bank: NegativeBank
    count: tuple[int, int] = (1, 3)
    size: tuple[int, int] = (20, 260)
    rectangle_share: float = 0.25
    feather: tuple[float, float] = (0.3, 1.0)
    rows: tuple[float, float] = (0.0, 1.0)

    def paste(
            self, image: NDArray[np.uint8], label: NDArray[np.uint8], *,
            rng: np.random.Generator, ignore: int = VOID, negative: int = PASTED) -> None:
        """Paste in place; pixels under a patch get `negative`, its feathered rim `ignore`.

        Args:
            image: (H, W, 3) uint8.
            label: (H, W) uint8.
            rng: source of every random choice.
            ignore: id of the rim.
            negative: id of pasted pixels.
        """
        for _ in range(int(rng.integers(self.count[0], self.count[1] + 1))):
            rgb, alpha = self._patch(rng, limit=image.shape[:2])
            height, width = alpha.shape
            top = self._top(image.shape[0], height, rng)
            left = int(rng.integers(image.shape[1] - width + 1))
            window = (slice(top, top + height), slice(left, left + width))
            rgb = _match(rgb, image[window], alpha, rng)
            weight = alpha[..., None]
            image[window] = np.rint(weight * rgb + (1 - weight) * image[window])
            label[window][alpha >= 0.1] = ignore
            label[window][alpha >= 0.9] = negative

    def _top(self, length: int, height: int, rng: np.random.Generator) -> int:
        last = length - height
        low = min(max(0, math.ceil(self.rows[0] * length - height / 2)), last)
        high = max(min(last, math.floor(self.rows[1] * length - height / 2)), low)
        return int(rng.integers(low, high + 1))

    def _patch(
            self, rng: np.random.Generator, *, limit: tuple[int, ...],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        cutout = self.bank.draw(rng)
        rgb, mask = cutout.rgb, cutout.mask
        if rng.random() < self.rectangle_share:
            rgb, mask = _rectangle(rgb, rng)
        if rng.random() < 0.5:
            rgb, mask = rgb[:, ::-1], mask[:, ::-1]
        side = float(np.exp(rng.uniform(*np.log(self.size))))
        scale = min(side / max(mask.shape), limit[0] / mask.shape[0], limit[1] / mask.shape[1])
        shape = (max(1, int(mask.shape[1] * scale)), max(1, int(mask.shape[0] * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        rgb = cv2.resize(np.ascontiguousarray(rgb), shape, interpolation=how)
        alpha = cv2.resize(
            np.ascontiguousarray(mask), shape, interpolation=how).astype(np.float32) / 255
        least, most = self.feather
        alpha = cv2.GaussianBlur(alpha, (0, 0), least + (most - least) * rng.random())
        return rgb.astype(np.float32), alpha


def _rectangle(
        rgb: NDArray[np.uint8], rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    height, width = (max(4, int(s * rng.uniform(0.3, 1))) for s in rgb.shape[:2])
    top = int(rng.integers(max(1, rgb.shape[0] - height + 1)))
    left = int(rng.integers(max(1, rgb.shape[1] - width + 1)))
    part = rgb[top:top + height, left:left + width]
    return part, np.full(part.shape[:2], 255, np.uint8)


def _match(
        rgb: NDArray[np.float32], around: NDArray[np.uint8], alpha: NDArray[np.float32],
        rng: np.random.Generator) -> NDArray[np.float32]:
    # A patch that is always brighter than the street teaches brightness, not strangeness.
    inside = alpha > 0.5
    if not inside.any():
        return rgb
    pull = rng.uniform(0, 0.6)
    shift = (around.reshape(-1, 3).mean(0) - rgb[inside].mean(0)) * pull
    gain = rng.uniform(0.8, 1.2)
    return np.clip((rgb + shift) * gain, 0, 255).astype(np.float32)
