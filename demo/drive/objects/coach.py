# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Buses, lorries and trams: long boxes with rounded edges that face +z."""

from __future__ import annotations

import numpy as np

from ..labels import Label
from ..shapes import box, circle, disc, skin
from ..soup import Color, Material, Soup, merge


def _shell(length: float, width: float, low: float, high: float, color: Color, label: int,
           kind: int, middle: float = 0.0) -> Soup:
    """Return a box with a rounded outline; local is (from the nose, height, sideways)."""
    half = width / 2
    ring = [(half, low), (half, low + 0.3), (half * 0.995, high - 0.45),
            (half * 0.97, high - 0.15), (half * 0.85, high - 0.02), (0.0, high)]
    outline = ring + [(-w, h) for w, h in ring[-2::-1]]
    stations = np.array([0.0, 0.12, 0.5, *np.linspace(1.0, length - 0.5, 6), length - 0.1, length])
    pinch = np.interp(stations, [0, 0.12, 0.5, length - 0.1, length], [0.9, 0.96, 1, 1, 0.95])
    z = middle + length / 2 - stations
    grid = np.array([[(w * p, h, zz) for w, h in outline] for p, zz in zip(pinch, z, strict=True)])
    local = np.array([[(s, h, w * p) for w, h in outline]
                      for s, p in zip(stations, pinch, strict=True)])
    soups = [skin(grid, color, label, Material.COACH, local=local, key=kind)]
    for row, out in ((0, 1.0), (-1, -1.0)):
        cap = grid[[row, row]].copy()
        cap[1, :, :2] = np.array([0.0, (low + high) / 2])
        spot = local[[row, row]].copy()
        spot[1, :, 1:] = np.array([(low + high) / 2, 0.0])
        plate = skin(cap, color, label, Material.COACH, closed=True, local=spot, key=kind)
        normal = np.zeros_like(plate.normal)
        normal[..., 2] = out
        soups.append(Soup(plate.position, normal, plate.local, plate.color, plate.material,
                          plate.label, plate.key))
    return merge(soups)


def _wheels(places: list[float], half: float, radius: float, label: int) -> list[Soup]:
    soups = []
    ring = circle(14)
    for z in places:
        for sign in (-1, 1):
            x = sign * half
            grid = np.stack([np.stack([np.full(14, cx), ring[:, 1] * radius + radius,
                                       ring[:, 0] * radius + z], axis=1)
                             for cx in (x - sign * 0.3, x)])
            soups.append(skin(grid, (0.02, 0.02, 0.02), label, closed=True))
            soups.append(disc((x, radius, z), radius, 'x', (0.2, 0.2, 0.2), label, Material.WHEEL,
                              sides=14, key=0.3))
    return soups


def build_bus(rng: np.random.Generator) -> Soup:
    """Return a city bus."""
    choice: tuple[Color, ...] = ((0.42, 0.40, 0.36), (0.38, 0.26, 0.03), (0.3, 0.02, 0.02),
                                 (0.05, 0.14, 0.28))
    color = choice[int(rng.integers(4))]
    return merge([_shell(11.5, 2.5, 0.32, 3.0, color, Label.BUS, 1),
                  *_wheels([3.1, -2.9], 1.22, 0.48, Label.BUS)])


def build_tram(rng: np.random.Generator) -> Soup:
    """Return a tram of two cars."""
    choice: tuple[Color, ...] = ((0.4, 0.28, 0.03), (0.4, 0.03, 0.03), (0.4, 0.4, 0.38))
    color = choice[int(rng.integers(3))]
    return merge([_shell(11.0, 2.4, 0.25, 3.4, color, Label.TRAIN, 2, 5.8),
                  _shell(11.0, 2.4, 0.25, 3.4, color, Label.TRAIN, 2, -5.8),
                  box((-1.0, 0.4, -0.4), (1.0, 3.2, 0.4), (0.03, 0.03, 0.03), Label.TRAIN)])


def build_truck(rng: np.random.Generator) -> Soup:
    """Return a lorry with a box body."""
    tone = rng.uniform(0.05, 0.45) * (0.55 + 0.45 * rng.random(3))
    cab: Color = (float(tone[0]), float(tone[1]), float(tone[2]))
    white = float(rng.uniform(0.35, 0.55))
    box_color: Color = (white, white, white * 0.97)
    return merge([_shell(2.2, 2.35, 0.45, 2.75, cab, Label.TRUCK, 3, 2.9),
                  _shell(5.6, 2.5, 0.95, 3.6, box_color, Label.TRUCK, 4, -1.1),
                  box((-0.5, 0.5, -3.8), (0.5, 0.95, 2.6), (0.02, 0.02, 0.02), Label.TRUCK),
                  *_wheels([2.7, -2.2], 1.15, 0.48, Label.TRUCK)])
