# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A bag of triangles with all that shading needs to know about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
Color = tuple[float, float, float]


class Material(IntEnum):
    """Name the painter of a triangle (see `painting.py`)."""

    MATT = 0
    FACADE = 1
    ROOF = 2
    LEAF = 3
    CAR = 4
    WHEEL = 5
    CLOTH = 6
    SIGN = 7
    LAMP = 8
    METAL = 9
    BARK = 10
    FUR = 11
    WOOD = 12
    COACH = 13
    QUILT = 14
    STONE = 15


@dataclass(frozen=True)
class Soup:
    """Hold T triangles; colours are linear reflectances 0..1, places in metres.

    Attributes:
        position: (T, 3, 3) float64 corners.
        normal: (T, 3, 3) float32 unit normals at the corners.
        local: (T, 3, 3) float32 coordinates that the painter reads.
        color: (T, 3) float32 linear reflectance.
        material: (T,) uint8 `Material`.
        label: (T,) uint8 `Label`.
        key: (T,) float32 number in 0..1 that tells one thing from the next.
    """

    position: F64
    normal: F32
    local: F32
    color: F32
    material: NDArray[np.uint8]
    label: NDArray[np.uint8]
    key: F32

    @property
    def count(self) -> int:
        """Return the number of triangles."""
        return int(self.position.shape[0])

    def painted(self, *, label: int | None = None, color: Color | None = None,
                material: int | None = None, key: float | None = None) -> Soup:
        """Return the same shape with another label, colour, material or key."""
        n = self.count
        changes: dict[str, NDArray[np.generic]] = {}
        if label is not None:
            changes['label'] = np.full(n, label, np.uint8)
        if color is not None:
            changes['color'] = np.tile(np.asarray(color, np.float32), (n, 1))
        if material is not None:
            changes['material'] = np.full(n, material, np.uint8)
        if key is not None:
            changes['key'] = np.full(n, key, np.float32)
        return replace(self, **changes)  # type: ignore[arg-type]

    def placed(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, *, yaw: float = 0.0,
               pitch: float = 0.0, roll: float = 0.0, scale: float = 1.0) -> Soup:
        """Return the soup turned (about z: roll, x: pitch, y: yaw), scaled and moved."""
        rows = rotation(yaw, pitch, roll)
        p = turn(self.position, rows) * scale + np.array([x, y, z])
        n = turn(self.normal.astype(np.float64), rows).astype(np.float32)
        return replace(self, position=p, normal=n)

    def bent(self, offset: F64) -> Soup:
        """Return the soup with `offset` (T, 3) added to the corners' x."""
        p = self.position.copy()
        p[..., 0] += offset
        return replace(self, position=p)

    def take(self, which: NDArray[np.generic]) -> Soup:
        """Return the triangles that an index or mask chooses."""
        return Soup(*(getattr(self, f.name)[which] for f in fields(self)))


def rotation(yaw: float, pitch: float, roll: float) -> F64:
    """Return the (3, 3) matrix that rolls about z, then pitches about x, then yaws about y."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    return np.array([
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ])


def turn(points: F64, rows: F64) -> F64:
    """Return points (..., 3) turned by a matrix, with the sums written out."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([r[0] * x + r[1] * y + r[2] * z for r in rows], axis=-1)


def merge(soups: Sequence[Soup]) -> Soup:
    """Return all triangles of several soups as one."""
    if not soups:
        raise ValueError('merge got no soup; give at least one')
    if len(soups) == 1:
        return soups[0]
    return Soup(*(np.concatenate([getattr(s, f.name) for s in soups]) for f in fields(Soup)))
