# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Find what each sample of a picture sees, and which samples need shading of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .camera import Intrinsics, Pose, to_camera
from .ground import GroundHit, cast_ground
from .labels import Label
from .noise import F32
from .raster import rasterize
from .soup import Material, Soup, merge
from .street import Street

F64 = NDArray[np.float64]
NEAR = 0.35
SUPER = 2
CLOSED = np.zeros(256, bool)
CLOSED[[Material.CAR, Material.CLOTH, Material.COACH, Material.FUR]] = True


@dataclass(frozen=True)
class Visible:
    """Hold what a picture with SUPER x SUPER samples per pixel sees.

    Attributes:
        soup: the triangles before the camera, cut at NEAR metres.
        corners: (T, 3, 3) x, y in samples and 1/depth of their corners.
        index: (H, W) int32 triangle numbers, -1 where there is none.
        nearness: (H, W) float32 1/depth, 0 for the sky.
        label: (H, W) uint8 `Label` values.
        hit: where rays meet the ground, also behind things.
    """

    soup: Soup
    corners: F64
    index: NDArray[np.int32]
    nearness: F32
    label: NDArray[np.uint8]
    hit: GroundHit


def see(street: Street, soup: Soup, camera: Intrinsics, pose: Pose,
        rays: tuple[F32, F32, F32]) -> Visible:
    """Return what a camera (with samples for pixels) sees of the ground and the triangles."""
    soup, corners = project(soup, camera, pose)
    shape = (camera.height, camera.width)
    nearness = np.zeros(shape, np.float32)
    hit = cast_ground(street, rays, (pose.x, pose.y, pose.z))
    nearness.reshape(-1)[hit.pixel] = hit.nearness
    index = np.full(shape, -1, np.int32)
    rasterize(corners, nearness, index)
    label = np.full(shape, np.uint8(Label.SKY))
    label.reshape(-1)[hit.pixel] = hit.label
    thing = np.flatnonzero(index.reshape(-1) >= 0)
    label.reshape(-1)[thing] = soup.label[index.reshape(-1)[thing]]
    return Visible(soup, corners, index, nearness, label, hit)


def project(soup: Soup, camera: Intrinsics, pose: Pose) -> tuple[Soup, F64]:
    """Return the triangles before the camera and their (T, 3, 3) x, y in pixels, 1/depth."""
    where = to_camera(soup.position, pose)
    depth = where[..., 2]
    limit = 1.08 * depth * (camera.width / 2 / camera.fx) + 0.1
    x = where[..., 0]
    seen = np.flatnonzero(_any(depth > NEAR) & _any(x < limit) & _any(x > -limit)
                          & ~_turned_away(soup, pose))
    soup = _clip(soup.take(seen), depth[seen])
    where = to_camera(soup.position, pose)
    near = 1.0 / np.maximum(where[..., 2], NEAR * 0.999)
    x = camera.cx + camera.fx * where[..., 0] * near
    y = camera.cy - camera.fy * where[..., 1] * near
    return soup, np.stack([x, y, near], axis=-1)


def _any(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether any of three columns holds; much faster than numpy's any over an axis."""
    return flags[:, 0] | flags[:, 1] | flags[:, 2]


def _turned_away(soup: Soup, pose: Pose) -> NDArray[np.bool_]:
    """Return which triangles of closed bodies show the camera their inside only."""
    away = np.zeros(soup.count, bool)
    at = np.flatnonzero(CLOSED[soup.material])
    p, n = soup.position[at], soup.normal[at]
    inner = ((p[..., 0] - pose.x) * n[..., 0] + (p[..., 1] - pose.y) * n[..., 1] +
             (p[..., 2] - pose.z) * n[..., 2])
    far = np.abs(p[:, 0, 2] - pose.z) * 0.2 + 0.2
    away[at] = ~_any(inner < far[:, None])
    return away


def _clip(soup: Soup, depth: F64) -> Soup:
    """Return the soup cut at NEAR metres before the camera; `depth` (T, 3) of the corners."""
    inside = depth > NEAR
    count = inside[:, 0].astype(np.int64) + inside[:, 1] + inside[:, 2]
    parts = [soup.take(np.flatnonzero(count == 3))]
    for number in (1, 2):
        for corner in range(3):
            alone = inside[:, corner] if number == 1 else ~inside[:, corner]
            at = np.flatnonzero((count == number) & alone)
            if at.size:
                parts += _cut(soup.take(at), depth[at], corner, keep_tip=number == 1)
    return merge(parts)


def _cut(soup: Soup, depth: F64, corner: int, *, keep_tip: bool) -> list[Soup]:
    """Split triangles at the near plane; `corner` is the one alone on its side."""
    a, b, c = corner, (corner + 1) % 3, (corner + 2) % 3
    tb = ((NEAR - depth[:, a]) / (depth[:, b] - depth[:, a]))[:, None]
    tc = ((NEAR - depth[:, a]) / (depth[:, c] - depth[:, a]))[:, None]

    def cut(values: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        pa, pb, pc = values[:, a], values[:, b], values[:, c]
        ab, ac = pa + (pb - pa) * tb, pa + (pc - pa) * tc
        rows = [[pa, ab, ac]] if keep_tip else [[ab, pb, pc], [ab, pc, ac]]
        return [np.stack(row, axis=1).astype(values.dtype) for row in rows]

    pieces = zip(cut(soup.position), cut(soup.normal), cut(soup.local), strict=True)
    return [Soup(p, n, q, soup.color, soup.material, soup.label, soup.key) for p, n, q in pieces]


def plain_pixels(visible: Visible) -> NDArray[np.bool_]:
    """Return (h, w) where all samples of a pixel see one smooth surface: one shading will do."""
    index, soup = visible.index, visible.soup
    code = visible.label.astype(np.int32) + (visible.index >= 0) * np.int32(1000)
    thing = index >= 0
    number = index[thing]
    material = soup.material[number].astype(np.int32)
    code[thing] += material * 2000
    code[thing] = np.where(material == Material.LEAF, number + 1000000, code[thing])
    rows, columns = index.shape
    blocks = (rows // SUPER, SUPER, columns // SUPER, SUPER)
    code, near = code.reshape(blocks), visible.nearness.reshape(blocks)
    samples = [(i, j) for i in range(SUPER) for j in range(SUPER)]
    first = code[:, 0, :, 0]
    same = np.logical_and.reduce([code[:, i, :, j] == first for i, j in samples])
    low = np.minimum.reduce([near[:, i, :, j] for i, j in samples])
    return same & (low >= 0.96 * np.maximum.reduce([near[:, i, :, j] for i, j in samples]))
