# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Painters: give every visible pixel of a thing its colour, gloss and glow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .car_paint import paint_car, paint_coach, paint_wheel
from .facade import FacadeAtlas, cell_number
from .ground import GroundTextures
from .ground_paint import line
from .noise import F32, hashed, smoothstep
from .sign_paint import paint_sign
from .soup import Material


@dataclass(frozen=True)
class Surface:
    """Hold what is known of N visible pixels before they are painted.

    Attributes:
        place: (N, 3) world coordinates in metres.
        local: (N, 3) coordinates of the thing itself.
        normal: (N, 3) unit normals.
        color: (N, 3) linear reflectance of the triangle.
        key: (N,) number of the thing.
        footprint: (N,) size of the pixel on the surface in metres.
    """

    place: F32
    local: F32
    normal: F32
    color: F32
    key: F32
    footprint: F32


@dataclass
class Paint:
    """Hold colour (N, 3) linear, gloss (N,) as mirror share, glow (N, 3) of own light."""

    color: F32
    gloss: F32
    glow: F32

    @classmethod
    def plain(cls, color: F32) -> Paint:
        """Return matt paint."""
        return cls(color.astype(np.float32), np.zeros(len(color), np.float32),
                   np.zeros_like(color, np.float32))


@dataclass(frozen=True)
class Palette:
    """Hold the pictures that painters read."""

    noise: GroundTextures
    atlas: FacadeAtlas


def paint_surface(surface: Surface, material: NDArray[np.uint8], palette: Palette) -> Paint:
    """Return the paint of every pixel by its material."""
    paint = Paint.plain(surface.color.copy())
    for kind in np.unique(material):
        painter = PAINTERS.get(int(kind))
        if painter is None:
            continue
        at = np.flatnonzero(material == kind)
        part = painter(Surface(surface.place[at], surface.local[at], surface.normal[at],
                               surface.color[at], surface.key[at], surface.footprint[at]), palette)
        paint.color[at], paint.gloss[at], paint.glow[at] = part.color, part.gloss, part.glow
    return paint


def _facade(surface: Surface, palette: Palette) -> Paint:
    u, v, code = surface.local[:, 0], surface.local[:, 1], surface.local[:, 2]
    code = np.round(code).astype(np.int64)
    style, blind = code % 10, code >= 10
    house = np.floor(surface.key * 65536).astype(np.int64)
    bay, floor = np.floor(u), np.floor(v)
    cell = cell_number(style, floor.astype(np.int64), bay.astype(np.int64), house)
    painted = palette.atlas.sample(cell, u - bay, v - floor, surface.footprint / 2.9)
    bare = np.where(blind, 1.0, painted[:, 3])[:, None]
    shade = np.where(blind[:, None], 1.0, painted[:, :3])
    along = surface.place[:, 2] + surface.place[:, 0]
    up = surface.place[:, 1]
    noise = palette.noise
    mottle = noise.blotch.value(along, up, surface.footprint)
    streak = noise.blotch.value(along * 2.5, up * 0.16, surface.footprint)
    wall = surface.color * (0.80 + 0.22 * mottle + 0.16 * streak)[:, None]
    wall *= (0.95 + 0.1 * noise.grain.value(along * 2, up * 2, surface.footprint))[:, None]
    wall *= (1.0 - 0.25 * np.exp(-up / 0.7) * (0.5 + streak))[:, None]
    brick = style == 1
    if brick.any():
        wall[brick] *= _bricks(along[brick], up[brick], surface.footprint[brick])[:, None]
    color = bare * wall * shade + (1.0 - bare) * shade
    paint = Paint.plain(color)
    paint.gloss = np.where(blind, 0.0, painted[:, 4] * np.float32(0.38)).astype(np.float32)
    return paint


def _bricks(along: F32, up: F32, footprint: F32) -> F32:
    row = np.floor(up / 0.083)
    x = along / 0.26 + 0.5 * np.mod(row, 2)
    column = np.floor(x)
    fade = 1.0 / (1.0 + 30.0 * footprint)
    tone = 1.0 + fade * 0.5 * (hashed(row, column) - 0.5)
    joint = np.maximum(line(up - row * 0.083 - 0.006, 0.006, footprint),
                       line((x - column) * 0.26 - 0.006, 0.006, footprint))
    return (tone * (1.0 + 0.7 * fade * joint)).astype(np.float32)


def _roof(surface: Surface, palette: Palette) -> Paint:
    u, v = surface.local[:, 0], surface.local[:, 1]
    fade = 1.0 / (1.0 + 12.0 * surface.footprint)
    row, column = np.floor(v / 0.32), np.floor(u / 0.24)
    ridge = 0.5 + 0.5 * np.cos((u / 0.24 - column - 0.5) * 6.2832)
    tone = 0.75 + fade * (0.35 * (ridge - 0.4) + 0.3 * (hashed(row, column) - 0.5))
    tone *= 1.0 - fade * 0.45 * line(v / 0.32 - row - 0.06, 0.06, surface.footprint / 0.32)
    tone *= 0.7 + 0.6 * palette.noise.blotch.value(u, v, surface.footprint)
    return Paint.plain(surface.color * tone[:, None])


def _leaf(surface: Surface, palette: Palette) -> Paint:
    fine = palette.noise.grain.value(surface.place[:, 2] * 3, surface.place[:, 1] * 3,
                                     surface.footprint)
    paint = Paint.plain(surface.color * (0.7 + 0.6 * fine)[:, None])
    paint.gloss[:] = 0.015
    return paint


def _cloth(surface: Surface, palette: Palette) -> Paint:
    x, y, z = surface.local[:, 0], surface.local[:, 1], surface.local[:, 2]
    fold = palette.noise.blotch.value((x + z) * 6 + surface.key * 9, y * 2.6, surface.footprint)
    weave = palette.noise.grain.value((x + z) * 4, y * 4, surface.footprint)
    return Paint.plain(surface.color * (0.25 + 1.1 * fold + 0.3 * weave)[:, None])


def _fur(surface: Surface, palette: Palette) -> Paint:
    x, y, z = surface.local[:, 0], surface.local[:, 1], surface.local[:, 2]
    hair = palette.noise.grain.value(z * 1.5, (y + x) * 5, surface.footprint)
    patch = palette.noise.blotch.value(z * 2.2, (y + x) * 2.2, surface.footprint)
    tone = 0.35 + 0.75 * hair + 0.45 * patch
    color = surface.color * tone[:, None]
    cow = np.abs(surface.key - 0.25) < 0.05
    spots = palette.noise.broad.value(z * 19.0 + 2.0, (y + x) * 19.0, 4 * surface.footprint)
    color = np.where((cow & (spots > 0.5))[:, None], color * 0.09, color)
    under = smoothstep(-0.35, -0.9, surface.normal[:, 1]) * ~cow
    return Paint.plain(color * (1.0 + 1.1 * under)[:, None])


def _wood(surface: Surface, palette: Palette) -> Paint:
    x, y, z = surface.local[:, 0], surface.local[:, 1], surface.local[:, 2]
    grain = palette.noise.grain.value(x * 0.6 + z * 0.3, (y + z) * 5, surface.footprint)
    blotch = palette.noise.blotch.value(x * 3 + z * 2, y * 3 + z, surface.footprint)
    tone = 0.68 + 0.35 * grain + 0.3 * blotch
    card = surface.key > 0.6
    tape = card & (np.abs(x - np.round(x)) < 0.035) & (np.abs(surface.normal[:, 0]) < 0.5)
    tone = np.where(tape, tone * 1.35, tone)
    printed = card & (np.abs(y - 0.2) < 0.06) & (np.mod(x * 9, 1) > 0.35) & (np.abs(x) < 0.25)
    return Paint.plain(surface.color * np.where(printed, tone * 0.4, tone)[:, None])


def _quilt(surface: Surface, palette: Palette) -> Paint:
    x, y, z = surface.local[:, 0], surface.local[:, 1], surface.local[:, 2]
    step = np.where(surface.key > 0.8, 0.25, np.where(surface.key < 0.55, 0.12, 0.2))
    a, b = (x + y + z) / step, (x - y + z) / step
    d = np.minimum(np.abs(a - np.round(a)), np.abs(b - np.round(b))) * step
    tone = 0.72 + 0.33 * np.clip(d / 0.05, 0, 1)
    ball = surface.key > 0.8
    stripe = np.where(np.mod(np.arctan2(x, z) * 6 / 6.2832, 1) > 0.5, 1.0, 0.35)
    tone = np.where(ball, stripe, tone)
    stain = palette.noise.blotch.value(x * 2 + 1, y * 2 + z, surface.footprint)
    color = surface.color * (tone * (0.75 + 0.4 * stain))[:, None]
    paint = Paint.plain(color)
    paint.gloss = np.where(ball, np.float32(0.05), np.float32(0.0)).astype(np.float32)
    return paint


def _metal(surface: Surface, palette: Palette) -> Paint:
    x, y, z = surface.local[:, 0], surface.local[:, 1], surface.local[:, 2]
    stain = palette.noise.blotch.value(x * 2 + z * 3, y, surface.footprint)
    paint = Paint.plain(surface.color * (0.75 + 0.45 * stain)[:, None])
    paint.gloss[:] = 0.09
    return paint


def _stone(surface: Surface, palette: Palette) -> Paint:
    p = surface.place
    mottle = palette.noise.blotch.value(p[:, 2] + p[:, 0], p[:, 1], surface.footprint)
    streak = palette.noise.blotch.value((p[:, 2] + p[:, 0]) * 3, p[:, 1] * 0.3, surface.footprint)
    grain = palette.noise.grain.value(p[:, 2] + p[:, 0], p[:, 1], surface.footprint)
    tone = 0.55 + 0.3 * mottle + 0.35 * streak + 0.2 * grain
    return Paint.plain(surface.color * tone[:, None])


def _bark(surface: Surface, palette: Palette) -> Paint:
    x, y, z = surface.local[:, 0], surface.local[:, 1], surface.local[:, 2]
    rough = palette.noise.grain.value((x + z) * 3, y * 0.7, surface.footprint)
    return Paint.plain(surface.color * (0.45 + 1.0 * rough)[:, None])


def _lamp(surface: Surface, _palette: Palette) -> Paint:
    paint = Paint.plain(surface.color)
    paint.glow = surface.color * np.float32(2.2)
    return paint


def _sign(surface: Surface, _palette: Palette) -> Paint:
    paint = Paint.plain(paint_sign(surface.local, surface.normal[:, 2]))
    paint.gloss[:] = 0.03
    return paint


def _vehicle(painter: Callable[[F32, F32, F32], tuple[F32, F32, F32]]
             ) -> Callable[[Surface, Palette], Paint]:
    """Return a painter for what is painted by its own coordinates alone."""
    def paint(surface: Surface, _palette: Palette) -> Paint:
        return Paint(*painter(surface.local, surface.color, surface.key))
    return paint


PAINTERS: dict[int, Callable[[Surface, Palette], Paint]] = {
    Material.FACADE: _facade, Material.ROOF: _roof, Material.LEAF: _leaf, Material.CLOTH: _cloth,
    Material.FUR: _fur, Material.WOOD: _wood, Material.QUILT: _quilt, Material.METAL: _metal,
    Material.STONE: _stone, Material.BARK: _bark, Material.LAMP: _lamp, Material.SIGN: _sign,
    Material.CAR: _vehicle(paint_car), Material.WHEEL: _vehicle(paint_wheel),
    Material.COACH: _vehicle(paint_coach)}
