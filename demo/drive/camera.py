# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pinhole camera with a pose in the street; x right, y up, z along the street."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Intrinsics:
    """Hold size and focal lengths in pixels; pixel (0, 0) has its centre at (0.5, 0.5)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def for_size(cls, width: int, height: int) -> Intrinsics:
        """Return a camera of 52 degrees across, close to that of the Cityscapes car."""
        return cls(width, height, 1.02 * width, 1.02 * width, width / 2.0, 0.5 * height)

    def scaled(self, factor: int) -> Intrinsics:
        """Return the same camera with `factor` times the pixels along each side."""
        return Intrinsics(self.width * factor, self.height * factor, self.fx * factor,
                          self.fy * factor, self.cx * factor, self.cy * factor)


@dataclass(frozen=True)
class Pose:
    """Hold where the camera is (metres) and where it looks (radians; pitch is downward)."""

    x: float
    y: float
    z: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def axes(self) -> tuple[tuple[float, float, float], ...]:
        """Return the camera's right, up and forward axes in world coordinates."""
        cosy, siny = math.cos(self.yaw), math.sin(self.yaw)
        cosp, sinp = math.cos(self.pitch), math.sin(self.pitch)
        cosr, sinr = math.cos(self.roll), math.sin(self.roll)
        forward = (siny * cosp, -sinp, cosy * cosp)
        right0 = (cosy, 0.0, -siny)
        up0 = (siny * sinp, cosp, cosy * sinp)
        right = tuple(cosr * a + sinr * b for a, b in zip(right0, up0, strict=True))
        up = tuple(cosr * b - sinr * a for a, b in zip(right0, up0, strict=True))
        return right, up, forward  # type: ignore[return-value]


def to_camera(points: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Return points (..., 3) of the world in camera axes (right, up, forward).

    Sums are written out: a matrix product may round differently from machine to machine, and
    the labels must not.
    """
    dx, dy, dz = points[..., 0] - pose.x, points[..., 1] - pose.y, points[..., 2] - pose.z
    return np.stack([a[0] * dx + a[1] * dy + a[2] * dz for a in pose.axes()], axis=-1)


def ray_directions(camera: Intrinsics, pose: Pose) -> tuple[F32, F32, F32]:
    """Return world ray directions (H, W) x, y, z, of length one along the camera's axis."""
    u = (np.arange(camera.width, dtype=np.float64) + 0.5 - camera.cx) / camera.fx
    v = (camera.cy - np.arange(camera.height, dtype=np.float64) - 0.5) / camera.fy
    right, up, forward = pose.axes()
    x, y, z = (
        (forward[i] + right[i] * u[None, :] + up[i] * v[:, None]).astype(np.float32)
        for i in range(3)
    )
    return x, y, z
