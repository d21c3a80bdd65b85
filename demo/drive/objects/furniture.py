# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What stands on the pavement: lamps, signs, traffic lights, bollards, bins."""

from __future__ import annotations

import numpy as np

from ..labels import Label
from ..shapes import box, ellipsoid, quad, tube
from ..soup import Color, Material, Soup, merge

STEEL: Color = (0.12, 0.125, 0.125)


def build_lamp(height: float, arm: float) -> Soup:
    """Return a street lamp whose arm reaches `arm` metres along x."""
    who = Label.POLE
    pole = tube([(0, 0, 0), (0, 1.0, 0), (0, height, 0)], [0.09, 0.075, 0.05], STEEL, who,
                Material.METAL)
    reach = tube([(0, height - 0.05, 0), (arm * 0.5, height + 0.22, 0), (arm, height + 0.3, 0)],
                 [0.045, 0.04, 0.035], STEEL, who, Material.METAL, sides=6)
    head = ellipsoid((arm, height + 0.27, 0), (0.36, 0.07, 0.13), (0.25, 0.25, 0.25), who,
                     Material.METAL, rings=5, sides=8)
    return merge([pole, reach, head])


def build_sign(kind: int, *, high: float = 2.3) -> Soup:
    """Return a road sign facing -z on its pole; `kind` picks the picture (see painting)."""
    who = Label.TRAFFIC_SIGN
    pole = tube([(0, 0, 0.03), (0, high + 0.6, 0.03)], [0.035, 0.035], (0.22, 0.22, 0.22),
                Label.POLE, Material.METAL, sides=7)
    r = 0.34 if kind % 6 != 5 else 0.45
    count = {0: 24, 1: 24, 2: 3, 3: 4, 4: 8, 5: 4}[kind % 6]
    turn = {2: 0.75, 3: 0.125, 4: 1 / 16, 5: 0.125}.get(kind % 6, 0.0)
    grow = {2: 1.3, 3: 1.32, 5: 1.3}.get(kind % 6, 1.0)
    angle = (np.arange(count) / count + turn) * 2 * np.pi
    rim = np.round(np.stack([np.cos(angle), np.sin(angle)], axis=1) * r * grow, 6)
    if kind % 6 == 5:
        rim[:, 0] *= 1.35
    soups = [pole]
    for i in range(count):
        a, b = rim[i], rim[(i + 1) % count]
        local = [(0.0, 0.0, kind), (a[0] / r, a[1] / r, kind), (b[0] / r, b[1] / r, kind),
                 (0.0, 0.0, kind)]
        corners = [(0, high, -0.02), (a[0], high + a[1], -0.02), (b[0], high + b[1], -0.02),
                   (0, high, -0.02)]
        piece = quad(corners, (0.5, 0.5, 0.5), who, Material.SIGN, local)
        normal = np.zeros_like(piece.normal)
        normal[..., 2] = -1.0
        soups.append(Soup(piece.position, normal, piece.local, piece.color, piece.material,
                          piece.label, piece.key))
    return merge(soups)


def build_traffic_light(state: int, *, arm: float = 0.0) -> Soup:
    """Return a traffic light facing -z; state 0 red, 1 amber, 2 green; `arm` adds one overhead."""
    pole = tube([(0, 0, 0), (0, 3.4 if not arm else 5.6, 0)], [0.07, 0.06], (0.16, 0.17, 0.165),
                Label.POLE, Material.METAL)
    soups = [pole, _signal(-0.22 if arm >= 0 else 0.22, 2.2, state)]
    if arm:
        soups.append(tube([(0, 5.5, 0), (arm, 5.7, 0)], [0.06, 0.045], (0.16, 0.17, 0.165),
                          Label.POLE, Material.METAL))
        soups.append(_signal(arm, 5.1, state))
    return merge(soups)


def _signal(x: float, y: float, state: int) -> Soup:
    who = Label.TRAFFIC_LIGHT
    case = box((x - 0.15, y, -0.14), (x + 0.15, y + 0.95, 0.1), (0.014, 0.017, 0.015), who)
    soups = [case]
    colors: tuple[Color, ...] = ((0.9, 0.04, 0.02), (0.9, 0.45, 0.02), (0.03, 0.75, 0.4))
    for i, color in enumerate(colors):
        lit = i == state
        dim: Color = (color[0] * 0.05, color[1] * 0.05, color[2] * 0.05)
        soups.append(ellipsoid((x, y + 0.78 - 0.3 * i, -0.14), (0.1, 0.1, 0.03),
                               color if lit else dim, who,
                               Material.LAMP if lit else Material.MATT, rings=5, sides=10))
    return merge(soups)


def build_bollard() -> Soup:
    """Return a low post."""
    return tube([(0, 0, 0), (0, 0.95, 0), (0, 1.0, 0)], [0.055, 0.055, 0.02], (0.05, 0.05, 0.05),
                Label.POLE, Material.METAL, sides=7)


def build_bin(rng: np.random.Generator) -> Soup:
    """Return a litter bin or cabinet; void in the labels, as static things are in Cityscapes."""
    if rng.random() < 0.5:
        return tube([(0, 0.3, 0), (0, 0.85, 0), (0, 0.9, 0)], [0.17, 0.2, 0.1],
                    (0.3, 0.1, 0.02), Label.VOID, sides=9)
    return box((-0.5, 0, -0.2), (0.5, 1.15, 0.2), (0.2, 0.21, 0.2), Label.VOID, Material.STONE)
