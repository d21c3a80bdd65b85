# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Trees, bushes and hedges: a trunk and thousands of small leaf sprays."""

from __future__ import annotations

import numpy as np

from ..labels import Label
from ..shapes import bare, tube, unit
from ..soup import Color, Material, Soup, merge

GREENS: tuple[Color, ...] = ((0.05, 0.09, 0.025), (0.04, 0.075, 0.03), (0.07, 0.10, 0.03),
                             (0.035, 0.06, 0.03), (0.085, 0.10, 0.035))


def leaf_cloud(rng: np.random.Generator, centers: np.ndarray, radii: np.ndarray, count: int,
               size: float, color: Color, bottom: float) -> Soup:
    """Return `count` leaf sprays in balls; `centers` (B, 3), `radii` (B,), metres."""
    share = radii ** 2 / (radii ** 2).sum()
    ball = rng.choice(len(radii), count, p=share)
    direction = unit(rng.standard_normal((count, 3)))
    depth = 1.0 - 0.45 * rng.random(count) ** 2
    place = centers[ball] + direction * (radii[ball] * depth)[:, None]
    place[:, 1] = np.maximum(place[:, 1], bottom)
    spread = rng.standard_normal((count, 3, 3)) * size * rng.uniform(0.6, 1.3, (count, 1, 1))
    spread[..., 1] *= 0.8
    position = np.round(place[:, None, :] + spread, 6)
    low, high = place[:, 1].min(), place[:, 1].max()
    middle = (centers * radii[:, None]).sum(axis=0) / radii.sum()
    outward = unit(0.6 * direction + 0.8 * unit(place - middle))
    normal = unit(outward + 0.6 * rng.standard_normal((count, 3)))
    inner = np.clip((depth - 0.55) / 0.45, 0, 1)
    height = (place[:, 1] - low) / max(high - low, 0.1)
    shade = (0.16 + 0.84 * inner) * (0.45 + 0.75 * height)
    tint = np.asarray(color) * (0.75 + 0.5 * rng.random((count, 1)))
    tint[:, 0] *= 0.85 + 0.4 * rng.random(count)
    soup = bare(position, np.repeat(normal[:, None], 3, axis=1), color, Label.VEGETATION,
                Material.LEAF)
    shaded = (tint * shade[:, None]).astype(np.float32)
    return Soup(soup.position, soup.normal, soup.local, shaded, soup.material, soup.label,
                rng.random(count).astype(np.float32))


def build_tree(rng: np.random.Generator, height: float, detail: float = 1.0) -> Soup:
    """Return a broad-leaved tree that stands at the origin."""
    color = GREENS[int(rng.integers(len(GREENS)))]
    stem = height * float(rng.uniform(0.25, 0.36))
    lean = rng.uniform(-0.25, 0.25, 2)
    top = (float(lean[0]), height * 0.7, float(lean[1]))
    girth = 0.012 * height + 0.06
    bark: Color = (0.075, 0.062, 0.048)
    soups = [tube([(0, -0.1, 0), (0.02, stem * 0.5, 0.0), (top[0] / 2, stem * 1.1, top[2] / 2),
                   top], [girth * 1.5, girth, girth * 0.8, 0.03], bark, Label.VEGETATION,
                  Material.BARK, sides=7)]
    crown = height - stem
    count = int(rng.integers(9, 15))
    radii = np.round(crown * rng.uniform(0.16, 0.27, count), 4)
    around = unit(rng.standard_normal((count, 3))) * rng.random((count, 1)) ** 0.5
    center = np.array([top[0] * 0.6, stem + crown * 0.52, top[2] * 0.6])
    centers = center + around * np.array([crown * 0.36, crown * 0.34, crown * 0.36])
    for i in range(5):
        tip = centers[i]
        soups.append(tube([(top[0] / 2, stem * (0.9 + 0.08 * i), top[2] / 2),
                           (float(tip[0]), float(tip[1]), float(tip[2]))],
                          [girth * 0.5, 0.02], bark, Label.VEGETATION, Material.BARK, sides=5))
    leaves = int(800 * height * detail)
    size = 0.026 * height ** 0.5 / detail ** 0.5
    soups.append(leaf_cloud(rng, centers, radii, leaves, size, color, stem * 0.75))
    return merge(soups)


def build_bush(rng: np.random.Generator, length: float, height: float, depth: float,
               detail: float = 1.0) -> Soup:
    """Return a hedge or a row of bushes along z from 0 to length."""
    color = GREENS[int(rng.integers(len(GREENS)))]
    count = max(2, int(length / (0.6 * height)))
    z = np.linspace(0.3 * height, max(length - 0.3 * height, 0.4 * height), count)
    centers = np.stack([rng.uniform(-0.2, 0.2, count) * depth,
                        height * rng.uniform(0.42, 0.58, count), z], axis=1)
    radii = height * rng.uniform(0.42, 0.56, count)
    leaves = int(450 * length * height * detail)
    return leaf_cloud(rng, centers, radii, leaves, 0.075 / detail ** 0.5, color, 0.03)
