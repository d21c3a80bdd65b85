# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Photometric jitter: the look of another camera, hour or codec."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def photometric_jitter(
        image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 RGB with random gain, gamma, saturation, tint, blur and noise."""
    table = np.arange(256, dtype=np.float32) / 255
    table = table ** np.exp(rng.uniform(-0.35, 0.35)) * rng.uniform(0.75, 1.25)
    tint = rng.uniform(0.92, 1.08, 3)
    table_rgb = np.clip(table[:, None] * tint * 255 + rng.uniform(-12, 12), 0, 255)
    image = cv2.LUT(image, np.rint(table_rgb).astype(np.uint8).reshape(256, 1, 3))
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    saturation = float(rng.uniform(0.6, 1.4))
    image = cv2.addWeighted(image, saturation, gray, 1 - saturation, 0)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.4)))
    if rng.random() < 0.2:
        noise = rng.normal(0, rng.uniform(2, 8), image.shape).astype(np.float32)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image)
