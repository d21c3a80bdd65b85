# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Turn linear light into a camera's picture: blur, exposure, vignette, noise, tone."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Intrinsics, Pose
from .frame import View
from .noise import F32, generator

EXPOSURE = 0.66


def motion_blur(light: F32, nearness: F32, camera: Intrinsics, pose: Pose, after: Pose) -> F32:
    """Smear light along the way that each pixel goes while the shutter is open.

    Args:
        light: (H, W, 3) linear light.
        nearness: (H, W) 1/depth.
        camera: intrinsics at that size.
        pose: pose at the start of the exposure.
        after: pose at its end.
    """
    u = ((np.arange(camera.width) + 0.5 - camera.cx) / camera.fx).astype(np.float32)[None, :]
    v = ((np.arange(camera.height) + 0.5 - camera.cy) / camera.fy).astype(np.float32)[:, None]
    turn, nod = np.float32(after.yaw - pose.yaw), np.float32(after.pitch - pose.pitch)
    dz = np.float32(after.z - pose.z) * nearness
    dx = np.float32(after.x - pose.x - (after.z - pose.z) * math.tan(pose.yaw)) * nearness
    flow_x = (u * dz - dx - turn) * camera.fx
    flow_y = (v * dz - nod) * camera.fy
    grid_x, grid_y = np.meshgrid(np.arange(camera.width, dtype=np.float32),
                                 np.arange(camera.height, dtype=np.float32))
    total = np.zeros_like(light)
    taps = 5
    for i in range(taps):
        share = np.float32(i / (taps - 1) - 0.5)
        total += cv2.remap(light, grid_x + share * flow_x, grid_y + share * flow_y,
                           cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return total / np.float32(taps)


def tone(light: F32) -> F32:
    """Return display values 0..1 of linear light 0..: a shoulder, then the sRGB curve."""
    x = np.clip(light, 0, None)
    x = x * (x + 0.035) / (x + 0.055)
    x = np.where(x < 0.55, x, 0.55 + 0.45 * (1 - np.exp(-(x - 0.55) / 0.45)))
    curve = 1.055 * np.power(np.maximum(x, 1e-6), 1 / 2.4) - 0.055
    return np.where(x < 0.0031308, 12.92 * x, curve)


def develop(view: View, camera: Intrinsics, pose: Pose, after: Pose, seed: int, number: int
            ) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) uint8 RGB that a camera takes of a view."""
    rng = generator(seed, 9, number)
    light = np.minimum(view.light, np.float32(4.0)).astype(np.float32)
    light = motion_blur(light, view.nearness, camera, pose, after)
    glow = cv2.GaussianBlur(np.clip(light - 0.9, 0, 3), (0, 0), camera.width / 90.0)
    light = light + 0.10 * glow
    light = 0.86 * light + 0.14 * cv2.GaussianBlur(light, (0, 0), 0.9)
    u = (np.arange(camera.width) + 0.5 - camera.cx) / camera.cx
    v = (np.arange(camera.height) + 0.5 - camera.cy) / camera.cx
    fall = 1.0 - 0.26 * (u[None, :] ** 2 + v[:, None] ** 2)
    drift = EXPOSURE * (1.0 + 0.035 * math.sin(0.21 * number + seed))
    light = light * (drift * fall)[..., None] * np.array([0.90, 1.06, 0.92])
    grain = rng.standard_normal(light.shape) * np.sqrt(0.000012 + 0.00035 * np.clip(light, 0, 1))
    shade = tone((light + grain).astype(np.float32)) * 255.0
    return np.clip(shade + rng.uniform(0.0, 1.0, shade.shape), 0, 255).astype(np.uint8)
