# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Plain bodies: boxes, tubes, ellipsoids and skins over a grid of points."""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np
from numpy.typing import NDArray

from .soup import Color, Material, Soup, merge

F64 = NDArray[np.float64]
Point = tuple[float, float, float]


def unit(vectors: F64) -> F64:
    """Return vectors (..., 3) scaled to length one."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    length = np.sqrt(x * x + y * y + z * z)
    return vectors / np.maximum(length, 1e-12)[..., None]


def circle(count: int) -> F64:
    """Return `count` points (count, 2) of the unit circle, rounded to be equal everywhere."""
    angles = [2.0 * math.pi * i / count for i in range(count)]
    return np.array([[round(math.cos(a), 9), round(math.sin(a), 9)] for a in angles])


def bare(position: F64, normal: F64, color: Color, label: int,
         material: int = Material.MATT, local: F64 | None = None, key: float = 0.5) -> Soup:
    """Return a soup of triangles (T, 3, 3) with one colour, label and material."""
    n = position.shape[0]
    return Soup(
        np.asarray(position, np.float64), np.asarray(normal, np.float32),
        np.asarray(position if local is None else local, np.float32),
        np.tile(np.asarray(color, np.float32), (n, 1)), np.full(n, material, np.uint8),
        np.full(n, label, np.uint8), np.full(n, key, np.float32))


def quad(corners: Sequence[Point] | F64, color: Color, label: int,
         material: int = Material.MATT, local: Sequence[Point] | F64 | None = None,
         key: float = 0.5) -> Soup:
    """Return a flat four-sided face; corners (4, 3) in order around it."""
    c = np.asarray(corners, np.float64)
    a, b = c[1] - c[0], c[3] - c[0]
    n = unit(np.cross(a, b))
    pick = np.array([[0, 1, 2], [0, 2, 3]])
    spot = c if local is None else np.asarray(local, np.float64)
    return bare(c[pick], np.broadcast_to(n, (2, 3, 3)), color, label, material, spot[pick], key)


def box(low: Point, high: Point, color: Color, label: int, material: int = Material.MATT,
        key: float = 0.5) -> Soup:
    """Return an upright box between two corners, without its underside."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    faces = [
        [(x0, y0, z0), (x0, y1, z0), (x1, y1, z0), (x1, y0, z0)],
        [(x1, y0, z1), (x1, y1, z1), (x0, y1, z1), (x0, y0, z1)],
        [(x0, y0, z1), (x0, y1, z1), (x0, y1, z0), (x0, y0, z0)],
        [(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)],
        [(x0, y1, z0), (x0, y1, z1), (x1, y1, z1), (x1, y1, z0)],
    ]
    center = np.array([(x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2])
    soups = []
    for face in faces:
        soup = quad(face, color, label, material, key=key)
        outward = soup.position[0].mean(axis=0) - center
        if float((soup.normal[0, 0] * outward).sum()) < 0:
            soup = Soup(soup.position, -soup.normal, soup.local, soup.color, soup.material,
                        soup.label, soup.key)
        soups.append(soup)
    return merge(soups)


def skin(grid: F64, color: Color, label: int, material: int = Material.MATT, *,
         closed: bool = False, local: F64 | None = None, key: float = 0.5) -> Soup:
    """Return a smooth skin over points (I, J, 3); `closed` joins the last column to the first.

    Normals point away from the mean of each row of points.
    """
    spot = grid if local is None else local
    if closed:
        grid = np.concatenate([grid, grid[:, :1]], axis=1)
        spot = np.concatenate([spot, spot[:, :1]], axis=1)
    along = np.gradient(grid, axis=0)
    around = np.gradient(grid, axis=1)
    if closed:
        seam = (grid[:, 1] - grid[:, -2]) / 2
        around[:, 0] = seam
        around[:, -1] = seam
    normal = unit(np.cross(along, around))
    middle = grid.mean(axis=1, keepdims=True)
    sign = np.sign(((grid - middle) * normal).sum(axis=(0, 1)).sum())
    normal = normal * (sign if sign != 0 else 1.0)
    i, j = np.meshgrid(np.arange(grid.shape[0] - 1), np.arange(grid.shape[1] - 1), indexing='ij')
    i, j = i.ravel(), j.ravel()

    def corners(values: F64) -> F64:
        a, b = values[i, j], values[i, j + 1]
        c, d = values[i + 1, j + 1], values[i + 1, j]
        return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])

    return bare(corners(grid), corners(normal), color, label, material, corners(spot), key)


def tube(points: Sequence[Point], radii: Sequence[float], color: Color, label: int,
         material: int = Material.MATT, *, sides: int = 8, key: float = 0.5,
         flatten: float = 1.0) -> Soup:
    """Return a round limb along points with a radius at each; ends taper to the given radii."""
    p = np.asarray(points, np.float64)
    direction = unit(np.gradient(p, axis=0))
    aid = np.array([0.0, 0.0, 1.0]) if abs(direction[0, 2]) < 0.8 else np.array([1.0, 0.0, 0.0])
    first = unit(np.cross(direction, aid))
    second = np.cross(direction, first)
    ring = circle(sides)
    r = np.asarray(radii, np.float64)[:, None, None]
    offset = (first[:, None, :] * ring[None, :, :1] +
              second[:, None, :] * ring[None, :, 1:] * flatten) * r
    return skin(p[:, None, :] + offset, color, label, material, closed=True, key=key)


def ellipsoid(center: Point, radii: Point, color: Color, label: int,
              material: int = Material.MATT, *, rings: int = 7, sides: int = 10,
              key: float = 0.5) -> Soup:
    """Return an ellipsoid with its axes along x, y and z."""
    ring = circle(sides)
    rows = []
    for i in range(rings + 1):
        a = math.pi * (i / rings - 0.5)
        c, s = round(math.cos(a), 9), round(math.sin(a), 9)
        rows.append(np.stack([ring[:, 0] * c, np.full(sides, s), ring[:, 1] * c], axis=1))
    sphere = np.array(rows)
    grid = sphere * np.array(radii) + np.array(center)
    soup = skin(grid, color, label, material, closed=True, key=key)
    smooth = unit((soup.position - np.array(center)) / np.array(radii) ** 2)
    return Soup(soup.position, smooth.astype(np.float32), soup.local, soup.color, soup.material,
                soup.label, soup.key)


def disc(center: Point, radius: float, axis: str, color: Color, label: int,
         material: int = Material.MATT, *, sides: int = 16, key: float = 0.5) -> Soup:
    """Return a flat round plate facing along x, y or z; local holds (across, across, radius)."""
    ring = circle(sides) * radius
    zero = np.zeros(sides)
    place = {'x': (zero, ring[:, 1], ring[:, 0]), 'y': (ring[:, 0], zero, ring[:, 1]),
             'z': (ring[:, 0], ring[:, 1], zero)}[axis]
    rim = np.stack(place, axis=1) + np.array(center)
    nxt = np.roll(rim, -1, axis=0)
    hub = np.broadcast_to(np.array(center), rim.shape)
    flat = np.stack([ring[:, 0], ring[:, 1], np.full(sides, radius)], axis=1)
    middle = np.broadcast_to(np.array([0.0, 0.0, radius]), flat.shape)
    normal = {'x': (1.0, 0.0, 0.0), 'y': (0.0, 1.0, 0.0), 'z': (0.0, 0.0, 1.0)}[axis]
    return bare(np.stack([hub, rim, nxt], 1), np.broadcast_to(normal, (sides, 3, 3)), color,
                label, material, np.stack([middle, flat, np.roll(flat, -1, axis=0)], 1), key)
