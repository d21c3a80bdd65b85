# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Render one frame: find what each pixel sees, paint it, light it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .camera import Intrinsics, ray_directions
from .ground import GroundHit
from .ground_paint import paint_ground
from .lighting import Lighting, build_lighting
from .noise import F32
from .painting import Palette, Surface, paint_surface
from .raster import plane_gradients
from .scene import Scene
from .sky import sky_color
from .visibility import SUPER, Visible, plain_pixels, see


@dataclass(frozen=True)
class View:
    """Hold a frame before the camera's own doing.

    Attributes:
        light: (H, W, 3) float32 linear light.
        nearness: (H, W) float32 1/depth, 0 for the sky.
        label: (H, W) uint8.
    """

    light: F32
    nearness: F32
    label: NDArray[np.uint8]


def render_view(scene: Scene, palette: Palette, camera: Intrinsics, time: float) -> View:
    """Return the light and labels of a scene at a time in seconds."""
    fine, pose = camera.scaled(SUPER), scene.pose(time)
    rays = ray_directions(fine, pose)
    everything = scene.triangles(time)
    visible = see(scene.street, everything, fine, pose, rays)
    lighting = build_lighting(scene.street, palette.noise, everything, pose)
    plain = plain_pixels(visible)
    wanted = np.repeat(np.repeat(~plain, SUPER, axis=0), SUPER, axis=1)
    half = SUPER // 2
    wanted[half::SUPER, half::SUPER] = True
    size = np.where(np.repeat(np.repeat(plain, SUPER, axis=0), SUPER, axis=1), SUPER, 1)
    light = _shade(scene, palette, fine, lighting, rays, visible, wanted.reshape(-1),
                   (size.reshape(-1) / fine.fx).astype(np.float32))
    light = light.reshape(camera.height, SUPER, camera.width, SUPER, 3)
    one = light[:, half, :, half]
    mean = sum(np.minimum(light[:, i, :, j], np.float32(4.0)) for i in range(SUPER)
               for j in range(SUPER)) * np.float32(1.0 / SUPER ** 2)
    return View(np.where(plain[..., None], one, mean),
                np.ascontiguousarray(visible.nearness[half::SUPER, half::SUPER]),
                np.ascontiguousarray(visible.label[half::SUPER, half::SUPER]))


def _shade(scene: Scene, palette: Palette, camera: Intrinsics, lighting: Lighting,
           rays: tuple[F32, F32, F32], visible: Visible, wanted: NDArray[np.bool_],
           spread: F32) -> F32:
    """Return light (H * W, 3) of the wanted samples; `spread` (H * W,) is their angle."""
    dx, dy, dz = (r.reshape(-1) for r in rays)
    light = np.zeros((wanted.size, 3), np.float32)
    flat = visible.index.reshape(-1)
    sky = np.flatnonzero(wanted & (visible.nearness.reshape(-1) <= 0))
    light[sky] = sky_color(scene.street, palette.noise, dx[sky], dy[sky], dz[sky])
    at, hit = _bare_ground(visible.hit, wanted & (flat < 0))
    ray = np.stack([dx[at], dy[at], dz[at]], axis=1)
    light[at] = _shade_ground(scene, palette, lighting, hit, ray, spread[at])
    at = np.flatnonzero(wanted & (flat >= 0))
    ray = np.stack([dx[at], dy[at], dz[at]], axis=1)
    light[at] = _shade_things(palette, lighting, camera, visible, at, ray, spread[at])
    return light


def _bare_ground(hit: GroundHit, wanted: NDArray[np.bool_]) -> tuple[NDArray[np.int64], GroundHit]:
    keep = wanted[hit.pixel]
    part = GroundHit(hit.pixel[keep], hit.nearness[keep], hit.x[keep], hit.y[keep], hit.z[keep],
                     hit.label[keep])
    return part.pixel, part


def _shade_ground(scene: Scene, palette: Palette, lighting: Lighting, hit: GroundHit, ray: F32,
                  spread: F32) -> F32:
    depth = 1.0 / hit.nearness
    footprint = depth * spread / np.sqrt(np.clip(-ray[:, 1], 0.02, 1.0))
    color = paint_ground(scene.street, palette.noise, hit, footprint)
    normal = np.zeros_like(color)
    normal[:, 1] = 1.0
    place = np.stack([hit.x, hit.y, hit.z], axis=1)
    return lighting.leave_ground(place, normal, ray, color, depth)


def _shade_things(palette: Palette, lighting: Lighting, camera: Intrinsics, visible: Visible,
                  at: NDArray[np.int64], ray: F32, spread: F32) -> F32:
    soup = visible.soup
    number = visible.index.reshape(-1)[at].astype(np.int64)
    x = (at % camera.width + 0.5).astype(np.float32)
    y = (at // camera.width + 0.5).astype(np.float32)
    w = _weights(visible.corners, number, x, y)
    normal = _blend(soup.normal, number, w)
    normal /= np.maximum(np.sqrt(_dot(normal, normal)), 1e-6)[:, None]
    normal = np.where(_dot(normal, ray)[:, None] > 0, -normal, normal)
    place = _blend(soup.position.astype(np.float32), number, w)
    depth = 1.0 / np.maximum(visible.nearness.reshape(-1)[at], 1e-5)
    surface = Surface(place, _blend(soup.local, number, w), normal, soup.color[number],
                      soup.key[number], depth * spread)
    paint = paint_surface(surface, soup.material[number], palette)
    return lighting.leave_thing(place, normal, ray, paint, depth)


def _dot(a: F32, b: F32) -> F32:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def _weights(corners: NDArray[np.float64], number: NDArray[np.int64], x: F32, y: F32) -> F32:
    """Return perspective-correct corner weights (N, 3) of samples within their triangles."""
    used, inverse = np.unique(number, return_inverse=True)
    part = corners[used]
    w = np.empty((number.size, 3), np.float32)
    for corner in range(3):
        plane = part.copy()
        plane[..., 2] = 0.0
        plane[:, corner, 2] = part[:, corner, 2]
        a, b, c = plane_gradients(plane)
        w[:, corner] = a[inverse] * x + b[inverse] * y + c[inverse]
    np.clip(w, 0.0, None, out=w)
    return w / np.maximum(w.sum(axis=1, keepdims=True), 1e-12)


def _blend(values: F32, number: NDArray[np.int64], w: F32) -> F32:
    """Return corner values (T, 3, C) at samples."""
    v = values[number]
    return v[:, 0] * w[:, :1] + v[:, 1] * w[:, 1:2] + v[:, 2] * w[:, 2:]
