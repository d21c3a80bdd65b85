# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Light and shade: shadow maps laid out on the ground, and closeness to things."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .noise import F32, hashed
from .raster import rasterize

F64 = NDArray[np.float64]
CELL = 0.0625


@dataclass(frozen=True)
class GroundMap:
    """Hold a picture over the ground: (rows along z, columns along x), CELL metres each."""

    value: F32
    left: float
    near: float

    def sample(self, x: F32, z: F32) -> F32:
        """Return values (N,) at ground places, those of the border outside."""
        j = np.clip(((x - np.float32(self.left)) / CELL).astype(np.int64), 0,
                    self.value.shape[1] - 1)
        i = np.clip(((z - np.float32(self.near)) / CELL).astype(np.int64), 0,
                    self.value.shape[0] - 1)
        return self.value[i, j]


def cast_shadows(triangles: F64, sun: tuple[float, float, float], left: float, near: float,
                 width: float, depth: float) -> GroundMap:
    """Return the height of the topmost thing between each ground place and the sun."""
    y = triangles[..., 1]
    x = triangles[..., 0] - sun[0] / sun[1] * y
    z = triangles[..., 2] - sun[2] / sun[1] * y
    xyw = np.stack([(x - left) / CELL, (z - near) / CELL, y], axis=-1)
    value = np.full((int(depth / CELL), int(width / CELL)), -10.0, np.float32)
    rasterize(xyw, value)
    return GroundMap(value, left, near)


def lit_share(shadow: GroundMap, sun: tuple[float, float, float], x: F32, y: F32, z: F32
              ) -> F32:
    """Return how much of the sun reaches places (N,), 0..1, with soft edges."""
    gx = x - np.float32(sun[0] / sun[1]) * y
    gz = z - np.float32(sun[2] / sun[1]) * y
    salt = np.floor(x * 997.0) + np.floor(z * 1009.0)
    lit = np.zeros_like(x)
    angle = hashed(salt) * np.float32(6.2832)
    c, s = 0.13 * np.cos(angle), 0.13 * np.sin(angle)
    taps = 4
    for jx, jz in ((c, s), (-s, c), (-0.5 * c, -0.5 * s), (0.5 * s, -0.5 * c)):
        lit += shadow.sample(gx + jx, gz + jz) < y + np.float32(0.12)
    return lit / np.float32(taps)


def closeness(triangles: F64, left: float, near: float, width: float, depth: float
              ) -> GroundMap:
    """Return how much of the sky low things hide from each ground place, 0..1."""
    xyw = np.stack([(triangles[..., 0] - left) / CELL, (triangles[..., 2] - near) / CELL,
                    -triangles[..., 1]], axis=-1)
    lowest = np.full((int(depth / CELL), int(width / CELL)), -50.0, np.float32)
    rasterize(xyw, lowest)
    height = -lowest
    hidden = np.clip(1.0 - (height - 0.25) / 4.5, 0.0, 1.0) ** 2
    hidden = hidden.astype(np.float32)
    near_blur = cv2.GaussianBlur(hidden, (0, 0), 2.2)
    wide_blur = cv2.GaussianBlur(hidden, (0, 0), 9.0)
    return GroundMap(0.62 * near_blur + 0.33 * wide_blur, left, near)
