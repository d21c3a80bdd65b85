# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Bicycles and motorcycles, alone or ridden; they face +z."""

from __future__ import annotations

import numpy as np

from ..labels import Label
from ..shapes import Point, box, circle, disc, ellipsoid, skin, tube
from ..soup import Color, Material, Soup, merge
from .person import build_rider

TYRE: Color = (0.018, 0.018, 0.018)


def hoop(center: Point, radius: float, thick: float, label: int, color: Color = TYRE) -> Soup:
    """Return a tyre that rolls along z."""
    ring, cut = circle(18), circle(6)
    r = radius + thick * cut[None, :, 0]
    grid = np.stack([np.broadcast_to(thick * cut[None, :, 1], (18, 6)), ring[:, 1:] * r,
                     ring[:, :1] * r], axis=-1) + np.array(center)
    return skin(np.concatenate([grid, grid[:1]]), color, label, closed=True)


def build_bicycle(rng: np.random.Generator, phase: float, *, ridden: bool) -> Soup:
    """Return a bicycle, and its rider if `ridden`."""
    tone = rng.uniform(0.02, 0.2) * (0.3 + 0.7 * rng.random(3))
    color: Color = (float(tone[0]), float(tone[1]), float(tone[2]))
    who = Label.BICYCLE
    crank, head, saddle = (0.0, 0.3, 0.22), (0.0, 0.85, 0.62), (0.0, 0.88, 0.0)
    rear, front = (0.0, 0.34, -0.28), (0.0, 0.34, 0.78)
    soups = [hoop(rear, 0.32, 0.022, who), hoop(front, 0.32, 0.022, who)]
    for a, b in ((crank, head), (saddle, crank), (rear, crank), (rear, (0, 0.8, 0.02)),
                 ((0, 0.8, 0.02), head), (front, head), (head, (0, 1.0, 0.58))):
        soups.append(tube([a, b], [0.018, 0.018], color, who, sides=6))
    soups.append(tube([(-0.27, 1.0, 0.52), (0, 1.02, 0.6), (0.27, 1.0, 0.52)], [0.014] * 3,
                      (0.03, 0.03, 0.03), who, sides=5))
    soups.append(ellipsoid((0, 0.9, -0.02), (0.08, 0.04, 0.14), TYRE, who, rings=4, sides=6))
    if ridden:
        soups.append(build_rider(rng, 0.95, 0.5, phase))
    return merge(soups)


def build_motorcycle(rng: np.random.Generator, *, ridden: bool) -> Soup:
    """Return a motor scooter or motorcycle, and its rider if `ridden`."""
    tone = rng.uniform(0.01, 0.3, 3)
    color: Color = (float(tone[0]), float(tone[1]) * 0.6, float(tone[2]) * 0.6)
    who = Label.MOTORCYCLE
    soups = [hoop((0, 0.3, -0.55), 0.25, 0.06, who), hoop((0, 0.3, 0.75), 0.25, 0.055, who)]
    for z in (-0.55, 0.75):
        soups.append(disc((0.03, 0.3, z), 0.2, 'x', (0.2, 0.2, 0.2), who, sides=10))
    soups.append(ellipsoid((0, 0.48, 0.1), (0.17, 0.2, 0.38), (0.05, 0.05, 0.05), who,
                           Material.METAL))
    soups.append(ellipsoid((0, 0.74, 0.25), (0.16, 0.15, 0.32), color, who, Material.METAL))
    soups.append(ellipsoid((0, 0.74, -0.3), (0.15, 0.08, 0.42), TYRE, who))
    soups.append(ellipsoid((0, 0.62, -0.55), (0.14, 0.14, 0.3), color, who, Material.METAL))
    for sign in (-1, 1):
        soups.append(tube([(sign * 0.08, 0.3, 0.75), (sign * 0.09, 0.98, 0.52)], [0.03, 0.03],
                          (0.3, 0.3, 0.3), who, Material.METAL, sides=6))
    soups.append(tube([(-0.36, 1.0, 0.4), (0, 1.03, 0.52), (0.36, 1.0, 0.4)], [0.018] * 3,
                      (0.03, 0.03, 0.03), who, sides=5))
    soups.append(ellipsoid((0, 0.92, 0.64), (0.1, 0.1, 0.07), (0.6, 0.6, 0.58), who))
    soups.append(box((-0.07, 0.66, -0.87), (0.07, 0.72, -0.83), (0.4, 0.01, 0.01), who,
                     Material.LAMP))
    soups.append(box((-0.09, 0.46, -0.85), (0.09, 0.6, -0.84), (0.55, 0.55, 0.53), who))
    if ridden:
        soups.append(build_rider(rng, 0.84, 0.42, 0.4))
    return merge(soups)
