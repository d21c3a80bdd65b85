# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The sky, and what smooth things mirror."""

from __future__ import annotations

import numpy as np

from .ground import GroundTextures
from .noise import F32, smoothstep
from .street import Street

HAZE = np.array([0.80, 0.86, 0.90], np.float32)


def sky_color(street: Street, noise: GroundTextures, x: F32, y: F32, z: F32) -> F32:
    """Return linear light (N, 3) of the sky in directions (N,), any length."""
    length = np.sqrt(x * x + y * y + z * z)
    up = np.clip(y / length, 0.0, 1.0)
    far = np.float32(1.0) / np.maximum(up + np.float32(0.06), 0.02)
    u, v = x / length * far, z / length * far
    spread = np.full_like(u, 0.004) * far
    field = (0.62 * noise.broad.value(u * 9 + street.seed, v * 9, spread * 9) +
             0.38 * noise.blotch.value(u * 4.4, v * 4.4 + 3, spread * 4))
    cover = smoothstep(0.75 - 0.65 * street.clouds, 0.95 - 0.45 * street.clouds, field)
    blue = np.array([0.30, 0.46, 0.74], np.float32)
    clear = HAZE + (blue - HAZE) * smoothstep(0.02, 0.55, up)[:, None]
    dense = noise.broad.value(u * 9 + 1.2, v * 9 + 0.6, spread * 9)
    bright = 1.12 - (0.25 + 0.35 * street.clouds) * dense * cover
    cloud = bright[:, None] * np.array([0.97, 0.99, 1.0], np.float32)
    cover = np.maximum(cover, smoothstep(0.10, 0.0, up))
    color = clear + (cloud - clear) * cover[:, None]
    sun = np.array(street.sun_direction, np.float32)
    toward = (x * sun[0] + y * sun[1] + z * sun[2]) / length
    halo = np.clip(toward, 0, 1) ** 24 * (0.25 + street.sun)
    return 1.75 * color + halo[:, None] * np.array([0.6, 0.58, 0.52], np.float32)


def mirrored(street: Street, noise: GroundTextures, x: F32, y: F32, z: F32) -> F32:
    """Return linear light (N, 3) that a mirror sees: sky above the roofs, houses, road."""
    sky = 0.5 * sky_color(street, noise, x, np.maximum(y, 0.02), z)
    wobble = noise.blotch.value(np.arctan2(x, z) * 3, y * 0.5, np.full_like(x, 0.03))
    roof = 0.18 + 0.42 * np.abs(x) / (np.abs(x) + np.abs(z) + 1e-6) + 0.3 * (wobble - 0.5)
    above = smoothstep(-0.04, 0.04, y - roof)[:, None]
    house = (0.015 + 0.10 * wobble * wobble)[:, None] * np.array([1.0, 0.97, 0.92], np.float32)
    road = np.array([0.085, 0.087, 0.085], np.float32)
    low = np.where((y < 0)[:, None], road, house)
    return low + (sky - low) * above
