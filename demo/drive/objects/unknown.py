# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Things that have no business on a road and no class: furniture and cargo."""

from __future__ import annotations

from collections.abc import Callable
import math

import numpy as np

from ..labels import Label
from ..shapes import box, circle, disc, ellipsoid, skin, tube
from ..soup import Color, Material, Soup, merge
from .animal import build_animal
from .cycle import hoop

WHO = Label.UNKNOWN


def build_mattress(rng: np.random.Generator) -> Soup:
    """Return a quilted mattress that lies on the road, one end buckled up."""
    tone = float(rng.uniform(0.35, 0.6))
    color: Color = (tone, tone * 0.96, tone * 0.88)
    rise = float(rng.uniform(0.35, 0.9))
    outline = [(-0.68, -0.08), (-0.7, 0.0), (-0.68, 0.1), (0.0, 0.13), (0.68, 0.1), (0.7, 0.0),
               (0.68, -0.08), (0.0, -0.1)]
    angles = [max(0.0, rise * (k - 7) / 3.0) for k in range(12)]
    z, y, rows = -1.0, 0.1, []
    for angle in angles:
        lean, lift = math.sin(angle), math.cos(angle)
        rows.append([(u, y + v * lift, z - v * lean) for u, v in outline])
        z, y = z + 0.175 * lift, y + 0.175 * lean
    grid = np.round(np.array(rows), 6)
    ends = [np.repeat(grid[[k]].mean(axis=1, keepdims=True), len(outline), axis=1)
            for k in (0, -1)]
    whole = np.concatenate([ends[0], grid, ends[1]])
    slab = skin(whole, color, WHO, Material.QUILT, closed=True, key=0.7)
    return slab.placed(yaw=float(rng.uniform(-0.8, 0.8)))


def build_sofa(rng: np.random.Generator) -> Soup:
    """Return a sofa with arms and cushions that faces -z."""
    palette: tuple[Color, ...] = ((0.25, 0.05, 0.04), (0.06, 0.12, 0.16), (0.3, 0.24, 0.15),
                                  (0.05, 0.09, 0.05), (0.33, 0.2, 0.03))
    color = palette[int(rng.integers(len(palette)))]
    soups = [box((-0.95, 0.1, -0.35), (0.95, 0.42, 0.4), color, WHO, Material.CLOTH),
             box((-1.0, 0.1, 0.28), (1.0, 0.9, 0.5), color, WHO, Material.CLOTH)]
    for sign in (-1, 1):
        soups.append(box((sign * 0.98 - 0.14, 0.1, -0.38), (sign * 0.98 + 0.14, 0.5, 0.45), color,
                         WHO, Material.CLOTH))
        soups.append(tube([(sign * 0.98, 0.5, z) for z in (-0.42, -0.4, 0.0, 0.46, 0.48)],
                          [0.02, 0.17, 0.18, 0.17, 0.02], color, WHO, Material.CLOTH, sides=10))
        soups.append(ellipsoid((sign * 0.42, 0.46, -0.02), (0.42, 0.11, 0.37), color, WHO,
                               Material.CLOTH))
        soups.append(ellipsoid((sign * 0.42, 0.7, 0.25), (0.41, 0.24, 0.12), color, WHO,
                               Material.CLOTH))
        for z in (-0.3, 0.4):
            x = sign * 0.85
            soups.append(box((x - 0.03, 0, z - 0.03), (x + 0.03, 0.12, z + 0.03),
                             (0.06, 0.03, 0.02), WHO))
    return merge(soups)


def build_tyre(rng: np.random.Generator) -> Soup:
    """Return lorry tyres, one lying and one leaning on it."""
    lying = hoop((0, 0, 0), 0.4, 0.15, WHO, (0.022, 0.022, 0.024)).placed(roll=math.pi / 2, y=0.15)
    second = hoop((0, 0, 0), 0.4, 0.15, WHO, (0.026, 0.025, 0.026))
    return merge([lying, second.placed(roll=math.pi / 2 - 0.55, x=0.35, y=0.5,
                                       z=float(rng.uniform(-0.2, 0.2)))])


def build_boxes(rng: np.random.Generator) -> Soup:
    """Return cardboard boxes, one of them open."""
    kraft: Color = (0.30, 0.19, 0.10)
    soups = [box((-0.55, 0, -0.4), (0.35, 0.7, 0.4), kraft, WHO, Material.WOOD, 0.9),
             box((-0.3, 0, -0.25), (0.3, 0.45, 0.25), (0.33, 0.22, 0.12), WHO, Material.WOOD,
                 0.9).placed(x=0.8, z=-0.3, yaw=0.5)]
    soups.append(box((-0.27, 0, -0.22), (0.27, 0.4, 0.22), (0.27, 0.17, 0.09), WHO, Material.WOOD,
                     0.9).placed(x=-0.1, y=0.7, yaw=float(rng.uniform(-0.4, 0.4))))
    flap = box((-0.3, 0, 0), (0.3, 0.02, 0.25), kraft, WHO, Material.WOOD, 0.9)
    soups.append(flap.placed(x=0.8, y=0.45, z=-0.05, pitch=-0.7, yaw=0.5))
    return merge(soups)


def build_ladder(rng: np.random.Generator) -> Soup:
    """Return a fallen aluminium ladder, a bucket beside it."""
    color: Color = (0.36, 0.37, 0.38)
    soups = [box((-1.6, 0, z - 0.03), (1.6, 0.09, z + 0.03), color, WHO, Material.METAL)
             for z in (-0.25, 0.25)]
    for i in range(10):
        x = -1.45 + 0.32 * i
        soups.append(box((x - 0.02, 0.03, -0.25), (x + 0.02, 0.07, 0.25), color, WHO,
                         Material.METAL))
    ladder = merge(soups).placed(yaw=float(rng.uniform(-0.4, 0.4)), roll=0.12, y=0.2)
    bucket = tube([(0.3, 0, -0.9), (0.3, 0.5, -0.9), (0.3, 0.52, -0.9)], [0.22, 0.28, 0.2],
                  (0.35, 0.1, 0.02), WHO, sides=12)
    return merge([ladder, bucket])


def build_pallet(rng: np.random.Generator) -> Soup:
    """Return a stack of wooden pallets with a slipped sheet on top."""
    soups = []
    for level in range(int(rng.integers(2, 5))):
        y, turn = 0.15 * level, float(rng.uniform(-0.12, 0.12))
        parts = [box((-0.6, y + 0.11, -0.4 + 0.17 * i), (0.6, y + 0.14, -0.29 + 0.17 * i),
                     (0.28, 0.2, 0.12), WHO, Material.WOOD, 0.3) for i in range(5)]
        parts += [box((x - 0.06, y, -0.4), (x + 0.06, y + 0.11, 0.4), (0.2, 0.14, 0.08), WHO,
                      Material.WOOD, 0.3) for x in (-0.54, 0.0, 0.54)]
        soups.append(merge(parts).placed(yaw=turn))
    return merge(soups)


def build_ball(rng: np.random.Generator, phase: float = 0.0) -> Soup:
    """Return a big striped ball."""
    tone = rng.uniform(0.1, 0.55, 3)
    color: Color = (float(tone[0]), float(tone[1]) * 0.5, float(tone[2]))
    ball = ellipsoid((0, 0, 0), (0.45, 0.45, 0.45), color, WHO, Material.QUILT, rings=12, sides=18,
                     key=0.9)
    return ball.placed(y=0.45, roll=phase)


def build_fridge(rng: np.random.Generator) -> Soup:
    """Return a refrigerator that has fallen over, its door ajar."""
    white = float(rng.uniform(0.4, 0.62))
    color: Color = (white, white, white)
    body = box((-0.9, 0.0, -0.32), (0.9, 0.6, 0.32), color, WHO, Material.METAL)
    door = box((-0.9, 0.0, 0.0), (0.85, 0.06, 0.62), color, WHO, Material.METAL)
    handle = box((0.3, 0.3, -0.37), (0.75, 0.36, -0.33), (0.05, 0.05, 0.05), WHO)
    return merge([body, door.placed(y=0.6, z=-0.3, pitch=-0.45), handle])


def build_suitcases(rng: np.random.Generator) -> Soup:
    """Return lost luggage."""
    soups = []
    for i in range(3):
        tone = rng.uniform(0.02, 0.35, 3)
        case = box((-0.4, 0, -0.15), (0.4, 0.55, 0.15),
                   (float(tone[0]), float(tone[1]), float(tone[2])), WHO, Material.QUILT, 0.5)
        soups.append(case.placed(x=0.62 * (i - 1), z=float(rng.uniform(-0.4, 0.4)),
                                 yaw=float(rng.uniform(-0.9, 0.9)), pitch=-0.5 * (i == 1)))
    return merge(soups)


def build_barrel(rng: np.random.Generator) -> Soup:
    """Return steel drums, one of them on its side."""
    palette: tuple[Color, ...] = ((0.03, 0.09, 0.25), (0.3, 0.04, 0.03), (0.05, 0.2, 0.1))
    color = palette[int(rng.integers(3))]
    ring = circle(18)
    heights = (0.0, 0.28, 0.3, 0.32, 0.58, 0.6, 0.62, 0.9)
    radii = (0.3, 0.29, 0.31, 0.29, 0.29, 0.31, 0.29, 0.3)
    grid = np.stack([np.stack([ring[:, 0] * r, np.full(18, h), ring[:, 1] * r], axis=1)
                     for h, r in zip(heights, radii, strict=True)])
    drum = merge([skin(grid, color, WHO, Material.METAL, closed=True),
                  disc((0, 0.89, 0), 0.29, 'y', color, WHO, Material.METAL)])
    return merge([drum, drum.placed(x=0.75, y=0.3, z=0.2, roll=math.pi / 2)])


BUILDERS: tuple[Callable[[np.random.Generator], Soup], ...] = (
    build_mattress, build_sofa, build_tyre, build_boxes, build_ladder, build_pallet,
    build_fridge, build_suitcases, build_barrel, build_ball, lambda _rng: build_animal(0),
    lambda _rng: build_animal(1, 0.7), lambda _rng: build_animal(2, 0.4),
    lambda _rng: build_animal(3, 1.0))
