# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Find where rays meet the ground, and hold the noise that it is painted with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .labels import Label
from .noise import F32, Texture, fractal_noise
from .street import KERB_HEIGHT, Street


@dataclass(frozen=True)
class GroundTextures:
    """Hold the noise that the ground is painted with."""

    grain: Texture
    blotch: Texture
    broad: Texture
    vein: Texture

    @classmethod
    def build(cls, rng: np.random.Generator) -> GroundTextures:
        """Draw the noise."""
        grain = 0.6 * rng.random((512, 512)).astype(np.float32)
        grain += 0.4 * fractal_noise(rng, 512, 64, 3, 0.8)
        return cls(Texture.build(grain, 2.1), Texture.build(fractal_noise(rng, 512, 6, 6, 0.65),
                                                             9.7),
                   Texture.build(fractal_noise(rng, 512, 5, 5, 0.55), 61.0),
                   Texture.build(fractal_noise(rng, 1024, 9, 6, 0.5), 17.3))


@dataclass(frozen=True)
class GroundHit:
    """Hold where rays meet the ground; arrays (N,) of those pixels that do.

    Attributes:
        pixel: flat pixel numbers.
        nearness: 1 / depth along the camera's axis.
        x, y, z: world place in metres.
        label: `Label` values.
    """

    pixel: NDArray[np.int64]
    nearness: F32
    x: F32
    y: F32
    z: F32
    label: NDArray[np.uint8]


def cast_ground(street: Street, rays: tuple[F32, F32, F32],
                eye: tuple[float, float, float]) -> GroundHit:
    """Return where the rays meet carriageway, kerb face or raised ground."""
    dx, dy, dz = (r.reshape(-1) for r in rays)
    pixel = np.flatnonzero(dy < -0.0035)
    dx, dy, dz = dx[pixel], dy[pixel], dz[pixel]
    t_low = np.float32(-eye[1]) / dy
    t_high = np.float32(KERB_HEIGHT - eye[1]) / dy

    def spot(t: F32) -> tuple[F32, F32]:
        z = np.float32(eye[2]) + t * dz
        return np.float32(eye[0]) + t * dx - street.shift(z).astype(np.float32), z

    s_high, z_high = spot(t_high)
    s_low, z_low = spot(t_low)
    raised = ~street.is_road(s_high, z_high)
    face = ~raised & ~street.is_road(s_low, z_low)
    t = np.where(raised, t_high, t_low)
    y = np.where(raised, np.float32(KERB_HEIGHT), np.float32(0.0))
    y = np.where(face, np.float32(0.5 * KERB_HEIGHT), y)
    z = np.float32(eye[2]) + t * dz
    label = np.where(raised | face, np.uint8(Label.SIDEWALK), np.uint8(Label.ROAD))
    grass = raised & street.is_grass(s_high, z_high)
    label = np.where(grass, np.uint8(Label.TERRAIN), label).astype(np.uint8)
    return GroundHit(pixel, 1.0 / t, np.float32(eye[0]) + t * dx, y.astype(np.float32), z, label)
