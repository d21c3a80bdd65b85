# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Animals on four legs, which no class of the street knows."""

from __future__ import annotations

import math

from ..labels import Label
from ..shapes import ellipsoid, tube
from ..soup import Color, Material, Soup, merge

WHO = Label.UNKNOWN


def build_animal(kind: int, phase: float = 0.0) -> Soup:
    """Return a deer (0), cow (1), wild boar (2) or dog (3) that faces +z, legs at `phase`."""
    tall, long, fat, color = (
        (1.0, 1.2, 0.225, (0.10, 0.062, 0.036)), (1.35, 1.9, 0.38, (0.3, 0.27, 0.24)),
        (0.75, 1.15, 0.26, (0.035, 0.028, 0.022)), (0.62, 0.8, 0.13, (0.14, 0.09, 0.045)))[kind]
    tone: Color = (color[0], color[1], color[2])
    half = long / 2
    belly = tall - fat
    soups = [tube([(0, belly, -half * 1.03), (0, belly + 0.02, -half * 0.85),
                   (0, belly - 0.02, -half * 0.3), (0, belly - 0.03, half * 0.3),
                   (0, belly + 0.03, half * 0.8), (0, belly + 0.1, half * 1.05)],
                  [fat * 0.35, fat * 0.9, fat * 1.02, fat * 1.05, fat * 0.95, fat * 0.4], tone,
                  WHO, Material.FUR, sides=12, flatten=0.8, key=kind / 4)]
    rise = (0.55, 0.1, -0.08, 0.28)[kind]
    neck = (0.0, belly + 0.1, half * 0.85)
    head = (0.0, tall + rise, half + (0.28, 0.5, 0.35, 0.22)[kind])
    soups.append(tube([neck, head], [fat * 0.62, fat * 0.34], tone, WHO, Material.FUR,
                      key=kind / 4))
    size = (0.16, 0.28, 0.24, 0.14)[kind]
    for sign in (-1, 1):
        soups.append(ellipsoid((sign * size * 0.45, head[1] + size * 0.12, head[2] + size * 0.35),
                               (0.02, 0.03, 0.03), (0.004, 0.004, 0.004), WHO, rings=4, sides=6))
    nose = (0.0, head[1] - size * 0.5, head[2] + size * 1.5)
    soups.append(tube([(0, head[1] + 0.03, head[2] - size * 0.4), head, nose],
                      [size * 0.5, size * 0.62, size * 0.32], tone, WHO, Material.FUR,
                      key=kind / 4))
    soups.append(ellipsoid(nose, (size * 0.33, size * 0.3, size * 0.28), (0.015, 0.012, 0.012),
                           WHO, rings=5, sides=8))
    for sign in (-1, 1):
        soups.append(ellipsoid((sign * size * 0.8, head[1] + size * 0.5, head[2] - size * 0.2),
                               (size * 0.5, size * 0.28, size * 0.14), tone, WHO, rings=4,
                               sides=6))
        if kind == 0:
            soups += _antler(sign, head)
        for end, lag in ((half * 0.78, 0.0), (-half * 0.82, 2.2)):
            swing = 0.38 * math.sin(phase + lag + (math.pi if sign > 0 else 0.0))
            hip = (sign * fat * 0.5, belly - 0.05, end)
            knee = (hip[0], belly * 0.48, end + swing * belly * 0.45)
            hoof = (hip[0], 0.02 + 0.1 * max(0.0, swing), end + swing * belly * 0.85)
            soups.append(tube([hip, knee, hoof], [fat * 0.6, fat * 0.22, fat * 0.15], tone, WHO,
                              Material.FUR, key=kind / 4, sides=7))
    soups.append(tube([(0, belly + fat * 0.4, -half), (0, belly * 0.7, -half * 1.15)],
                      [0.04, 0.02], tone, WHO, sides=5))
    return merge(soups)


def _antler(sign: int, head: tuple[float, float, float]) -> list[Soup]:
    x, y, z = sign * 0.06, head[1] + 0.08, head[2] - 0.06
    tips = [(x + sign * 0.22, y + 0.5, z - 0.12), (x + sign * 0.3, y + 0.32, z + 0.1),
            (x + sign * 0.1, y + 0.4, z + 0.12)]
    fork = (x + sign * 0.14, y + 0.2, z - 0.05)
    bone: Color = (0.2, 0.15, 0.09)
    return [tube([(x, y, z), fork], [0.022, 0.018], bone, WHO, sides=5),
            *(tube([fork, tip], [0.018, 0.006], bone, WHO, sides=5) for tip in tips)]
