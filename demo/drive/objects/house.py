# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Houses in a row: front, sides, roof, eaves, cornices, balconies, dormers."""

from __future__ import annotations

import numpy as np

from ..labels import Label
from ..shapes import bare, box, quad, tube
from ..soup import Color, Material, Soup, merge

PLASTER: tuple[Color, ...] = (
    (0.42, 0.37, 0.28), (0.40, 0.30, 0.17), (0.44, 0.42, 0.38), (0.30, 0.29, 0.27),
    (0.36, 0.24, 0.17), (0.34, 0.34, 0.30), (0.24, 0.28, 0.25), (0.46, 0.44, 0.36),
    (0.20, 0.20, 0.21), (0.33, 0.22, 0.18), (0.50, 0.49, 0.46))
BRICK: tuple[Color, ...] = ((0.17, 0.075, 0.05), (0.22, 0.11, 0.07), (0.14, 0.07, 0.055),
                            (0.27, 0.18, 0.11))
TILES: tuple[Color, ...] = ((0.17, 0.07, 0.045), (0.12, 0.06, 0.045), (0.06, 0.06, 0.065),
                            (0.2, 0.09, 0.05))


def build_row(rng: np.random.Generator, side: int, front: float, start: float,
              end: float) -> Soup:
    """Return houses along z from start to end whose fronts stand at side * front."""
    soups, at = [], start
    while at < end - 1.0:
        to = min(end, at + float(rng.uniform(9, 19)))
        if end - to < 6:
            to = end
        soups.append(build_house(rng, side, front + float(rng.choice([0.0, 0.0, 0.15, 0.3])),
                                 at, to))
        at = to
    return merge(soups)


def build_house(rng: np.random.Generator, side: int, front: float, start: float,
                end: float) -> Soup:
    """Return one house; the facade's local coordinates are (u, v, number of the style)."""
    style = int(rng.choice(5, p=[0.34, 0.18, 0.24, 0.14, 0.10]))
    palette = BRICK if style == 1 else PLASTER
    color = palette[int(rng.integers(len(palette)))]
    storey = float(rng.uniform(3.1, 3.7)) if style != 4 else 3.6
    floors = int(rng.integers(3, 6)) if style < 3 else int(rng.integers(3, 7))
    width = end - start
    bay = width / max(2, round(width / float(rng.uniform(2.3, 3.2))))
    height, depth = floors * storey + 0.5, 11.0
    key = float(rng.random())
    x0, x1 = side * front, side * (front + depth)
    walls = [((x0, start), (x0, end)), ((x0, start), (x1, start)), ((x0, end), (x1, end))]
    soups = []
    for i, ((xa, za), (xb, zb)) in enumerate(walls):
        run = width if i == 0 else depth
        code = style + (10 if i and rng.random() < 0.6 else 0)
        local = [(0.0, 0.0, code), (0.0, height / storey, code),
                 (run / bay, height / storey, code), (run / bay, 0.0, code)]
        soups.append(quad([(xa, 0, za), (xa, height, za), (xb, height, zb), (xb, 0, zb)], color,
                          Label.BUILDING, Material.FACADE, local, key))
    light = tuple(min(0.6, c * 1.2) for c in color)
    trim: Color = (light[0], light[1], light[2])
    out = side * (front - 0.32)
    soups.append(_ledge(side, front, 0.34, start, end, height - 0.25, height + 0.05, trim))
    if style in (0, 1):
        for level in range(1, floors):
            if level == 1 or rng.random() < 0.4:
                y = level * storey
                soups.append(_ledge(side, front, 0.12, start, end, y - 0.1, y + 0.1, trim))
    if style < 3:
        soups.append(_roof(rng, side, out, start, end, height, depth))
    else:
        soups.append(_ledge(side, front, 0.02, start, end, height, height + 0.5, color))
    soups.append(_drain(side, front, end, height))
    if rng.random() < 0.4:
        soups.append(_awning(rng, side, front, start, bay))
    if style in (2, 3) and rng.random() < 0.5:
        soups += _balconies(rng, side, front, start, bay, width, storey, floors, trim)
    return merge(soups)


def _ledge(side: int, front: float, reach: float, start: float, end: float, low: float,
           high: float, color: Color) -> Soup:
    xa, xb = sorted((side * (front - reach), side * (front + 0.1)))
    return box((xa, low, start), (xb, high, end), color, Label.BUILDING, Material.STONE)


def _drain(side: int, front: float, end: float, height: float) -> Soup:
    x = side * (front - 0.07)
    return tube([(x, 0.0, end - 0.15), (x, height, end - 0.15)], [0.06, 0.06], (0.1, 0.1, 0.095),
                Label.BUILDING, Material.METAL, sides=6)


def _awning(rng: np.random.Generator, side: int, front: float, start: float, bay: float) -> Soup:
    tone = rng.uniform(0.05, 0.4) * (0.3 + 0.7 * rng.random(3))
    color: Color = (float(tone[0]), float(tone[1]), float(tone[2]))
    z0, z1 = start + 0.1, start + 2 * bay - 0.1
    xo, xi = side * (front - 1.3), side * front
    top = quad([(xo, 2.45, z0), (xi, 3.0, z0), (xi, 3.0, z1), (xo, 2.45, z1)], color,
               Label.BUILDING, Material.CLOTH)
    valance = quad([(xo, 2.45, z0), (xo, 2.25, z0), (xo, 2.25, z1), (xo, 2.45, z1)], color,
                   Label.BUILDING, Material.CLOTH)
    return merge([top, valance])


def _roof(rng: np.random.Generator, side: int, out: float, start: float, end: float,
          height: float, depth: float) -> Soup:
    tiles = TILES[int(rng.integers(len(TILES)))]
    rise = float(rng.uniform(2.5, 5.0))
    ridge = out + side * depth * 0.5
    local = [(0.0, 0.0, 0.0), (0.0, rise + 2, 0.0), (end - start, rise + 2, 0.0),
             (end - start, 0.0, 0.0)]
    soups = [quad([(out, height, start), (ridge, height + rise, start),
                   (ridge, height + rise, end), (out, height, end)], tiles, Label.BUILDING,
                  Material.ROOF, local)]
    gable = np.array([[(out, height, z), (ridge, height + rise, z),
                       (out + side * depth, height, z)] for z in (start, end)])
    normal = np.array([[(0.0, 0.0, -1.0)] * 3, [(0.0, 0.0, 1.0)] * 3])
    soups.append(bare(gable, normal, (0.3, 0.28, 0.25), Label.BUILDING, Material.STONE))
    for _ in range(int(rng.integers(0, 4))):
        z = float(rng.uniform(start + 1, max(start + 1.1, end - 2.6)))
        inner = out + side * 1.0
        xa, xb = sorted((inner, inner + side * 2.5))
        soups.append(box((xa, height + 0.3, z), (xb, height + 2.0, z + 1.5),
                         (0.3, 0.3, 0.28), Label.BUILDING, Material.STONE))
        pane = inner - side * 0.02
        soups.append(quad([(pane, height + 0.7, z + 0.25), (pane, height + 1.8, z + 0.25),
                           (pane, height + 1.8, z + 1.25), (pane, height + 0.7, z + 1.25)],
                          (0.03, 0.03, 0.035), Label.BUILDING))
    if rng.random() < 0.6:
        z = float(rng.uniform(start + 0.5, end - 1.2))
        xa, xb = sorted((ridge - side * 0.6, ridge))
        soups.append(box((xa, height + rise - 1.2, z), (xb, height + rise + 1.0, z + 0.7),
                         BRICK[0], Label.BUILDING, Material.STONE))
    return merge(soups)


def _balconies(rng: np.random.Generator, side: int, front: float, start: float, bay: float,
               width: float, storey: float, floors: int, color: Color) -> list[Soup]:
    soups = []
    column = int(rng.integers(0, max(1, int(width / bay) - 1)))
    for level in range(1, floors):
        y = level * storey
        z0 = start + column * bay + 0.2
        z1 = z0 + min(2 * bay, 4.0) - 0.4
        xa, xb = sorted((side * (front - 1.1), side * front))
        soups.append(box((xa, y - 0.15, z0), (xb, y, z1), color, Label.BUILDING, Material.STONE))
        xo, xi = sorted((side * (front - 1.1), side * (front - 1.05)))
        soups.append(box((xo, y, z0), (xi, y + 0.95, z1), color, Label.BUILDING, Material.STONE))
        for z in (z0, z1 - 0.05):
            soups.append(box((xa, y, z), (xb, y + 0.95, z + 0.05), color, Label.BUILDING,
                             Material.STONE))
    return soups


def build_wall(side: int, front: float, start: float, end: float, height: float,
               color: Color) -> Soup:
    """Return a garden wall along the pavement."""
    xa, xb = sorted((side * front, side * (front + 0.3)))
    wall = box((xa, 0.1, start), (xb, height, end), color, Label.WALL, Material.STONE)
    xa, xb = sorted((side * (front - 0.05), side * (front + 0.35)))
    cap = box((xa, height, start), (xb, height + 0.08, end), (0.2, 0.2, 0.19), Label.WALL,
              Material.STONE)
    return merge([wall, cap])


def build_fence(side: int, front: float, start: float, end: float, height: float,
                color: Color) -> Soup:
    """Return an iron fence of upright bars on two rails."""
    x = side * front
    soups = []
    for y in (0.35, height - 0.15):
        soups.append(box((x - 0.02, y, start), (x + 0.02, y + 0.05, end), color, Label.FENCE))
    z = start
    while z < end:
        thick = 0.04 if round((z - start) / 0.22) % 10 == 0 else 0.016
        soups.append(box((x - thick, 0.1, z), (x + thick, height, z + 2 * thick), color,
                         Label.FENCE))
        z += 0.22
    return merge(soups)
