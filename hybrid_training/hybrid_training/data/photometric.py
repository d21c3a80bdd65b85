# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Photometric jitter: the look of another camera, hour or codec."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PhotometricJitter:
    """Random gain, gamma, saturation, tint, offset, blur and noise.

    Attributes:
        gamma: the exponent is exp(u), u uniform in [-gamma, gamma].
        gain: factor on all channels, uniform in 1 +- gain.
        tint: factor on each channel, uniform in 1 +- tint.
        offset: added to all channels, uniform in +- offset, of 255.
        saturation: factor on the distance from grey, uniform in 1 +- saturation.
        blur_share: share of images that are blurred.
        blur: least and most deviation of the Gaussian, pixels.
        noise_share: share of images with noise.
        noise: least and most deviation of the noise, of 255.
    """

    gamma: float = 0.35
    gain: float = 0.25
    tint: float = 0.08
    offset: float = 12.0
    saturation: float = 0.4
    blur_share: float = 0.2
    blur: tuple[float, float] = (0.4, 1.4)
    noise_share: float = 0.2
    noise: tuple[float, float] = (2.0, 8.0)

    def __call__(
            self, image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 RGB as another camera may have seen it."""
        image = cv2.LUT(image, self._table(rng))
        saturation = float(rng.uniform(1 - self.saturation, 1 + self.saturation))
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.addWeighted(image, saturation, gray, 1 - saturation, 0)
        if rng.random() < self.blur_share:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(*self.blur)))
        if rng.random() < self.noise_share:
            noise = rng.normal(0, rng.uniform(*self.noise), image.shape).astype(np.float32)
            image = np.clip(image + noise, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(image)

    def _table(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        table = np.arange(256, dtype=np.float32) / 255
        gamma = np.exp(rng.uniform(-self.gamma, self.gamma))
        table = table ** gamma * rng.uniform(1 - self.gain, 1 + self.gain)
        tint = rng.uniform(1 - self.tint, 1 + self.tint, 3)
        offset = rng.uniform(-self.offset, self.offset)
        table_rgb = np.clip(table[:, None] * tint * 255 + offset, 0, 255)
        return np.rint(table_rgb).astype(np.uint8).reshape(256, 1, 3)
