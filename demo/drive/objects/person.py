# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""People who walk or stand, from limbs of round section; riders sit."""

from __future__ import annotations

import math

import numpy as np

from ..labels import Label
from ..shapes import Point, box, ellipsoid, tube
from ..soup import Color, Material, Soup, merge

SKIN: tuple[Color, ...] = ((0.42, 0.25, 0.18), (0.36, 0.21, 0.14), (0.14, 0.075, 0.05),
                           (0.48, 0.3, 0.22))
HAIR: tuple[Color, ...] = ((0.02, 0.015, 0.012), (0.07, 0.045, 0.025), (0.2, 0.14, 0.07),
                           (0.25, 0.24, 0.23), (0.03, 0.02, 0.018))
TOPS: tuple[Color, ...] = ((0.02, 0.022, 0.03), (0.05, 0.06, 0.1), (0.3, 0.3, 0.3),
                           (0.22, 0.03, 0.03), (0.04, 0.08, 0.05), (0.1, 0.09, 0.07),
                           (0.45, 0.44, 0.42), (0.07, 0.1, 0.2), (0.015, 0.015, 0.015),
                           (0.26, 0.2, 0.1))
LEGS: tuple[Color, ...] = ((0.02, 0.022, 0.028), (0.045, 0.06, 0.1), (0.03, 0.04, 0.07),
                           (0.14, 0.12, 0.09), (0.015, 0.015, 0.017))


def build_person(seed: np.random.Generator, phase: float, stride: float = 1.0) -> Soup:
    """Return a person facing +z whose gait is at `phase` radians; `seed` sets the looks."""
    rng = seed
    tall = float(rng.uniform(1.58, 1.9))
    wide = float(rng.uniform(0.9, 1.15))
    skin, hair = SKIN[int(rng.integers(4))], HAIR[int(rng.integers(5))]
    top, leg = TOPS[int(rng.integers(10))], LEGS[int(rng.integers(5))]
    coat, bag, long_hair = rng.random() < 0.35, rng.random() < 0.4, rng.random() < 0.4
    s = tall / 1.75
    who = Label.PERSON
    swing = 0.42 * stride * math.sin(phase)
    soups = []
    for sign, angle in ((-1, swing), (1, -swing)):
        soups += _leg(sign, angle, phase, s, wide, leg, who)
        soups += _arm(sign, -0.8 * angle, s, wide, top, skin, who)
    hem = 0.62 if coat else 0.86
    soups.append(tube([(0, hem * s, 0), (0, 0.98 * s, 0), (0, 1.12 * s, 0.01),
                       (0, 1.32 * s, 0), (0, 1.45 * s, 0), (0, 1.5 * s, 0)],
                      [0.19 * wide, 0.175 * wide, 0.165 * wide, 0.205 * wide, 0.16 * wide, 0.07],
                      top, who, Material.CLOTH, sides=10, flatten=0.66))
    soups.append(tube([(0, 1.46 * s, 0), (0, 1.56 * s, 0.02)], [0.06, 0.055], skin, who, sides=7))
    soups.append(ellipsoid((0, 1.635 * s, 0.02), (0.078, 0.115, 0.095), skin, who))
    soups.append(ellipsoid((0, 1.668 * s, -0.012), (0.087, 0.098, 0.098), hair, who))
    if long_hair:
        soups.append(ellipsoid((0, 1.56 * s, -0.06), (0.09, 0.15, 0.06), hair, who))
    if bag:
        color = TOPS[int(rng.integers(10))]
        if rng.random() < 0.5:
            soups.append(ellipsoid((0, 1.22 * s, -0.2), (0.16, 0.24, 0.1), color, who,
                                   Material.CLOTH))
        else:
            soups.append(box((0.24 * wide, 0.6 * s, -0.14), (0.33 * wide, 0.86 * s, 0.14), color,
                             who, Material.CLOTH))
    return merge(soups)


def _leg(sign: int, angle: float, phase: float, s: float, wide: float, color: Color,
         who: int) -> list[Soup]:
    hip: Point = (sign * 0.09 * wide, 0.92 * s, 0.0)
    bend = 0.5 * max(0.0, math.cos(phase) * sign)
    knee = (hip[0], hip[1] - 0.44 * s * math.cos(angle), 0.44 * s * math.sin(angle))
    low = angle - bend
    foot = (hip[0], max(0.07, knee[1] - 0.44 * s * math.cos(low)),
            knee[2] + 0.44 * s * math.sin(low))
    shoe = (foot[0], foot[1] - 0.02, foot[2] + 0.06)
    return [tube([hip, knee, foot], [0.095 * wide, 0.07, 0.05], color, who, Material.CLOTH),
            ellipsoid(shoe, (0.05, 0.05, 0.13), (0.02, 0.02, 0.02), who, rings=5, sides=8)]


def _arm(sign: int, angle: float, s: float, wide: float, color: Color, skin: Color,
         who: int) -> list[Soup]:
    shoulder = (sign * 0.19 * wide, 1.42 * s, 0.0)
    elbow = (sign * 0.24 * wide, shoulder[1] - 0.28 * s * math.cos(angle),
             0.28 * s * math.sin(angle))
    low = angle + 0.35
    hand = (sign * 0.235 * wide, elbow[1] - 0.26 * s * math.cos(low),
            elbow[2] + 0.26 * s * math.sin(low))
    return [tube([shoulder, elbow, hand], [0.065, 0.05, 0.035], color, who, Material.CLOTH,
                 sides=7),
            ellipsoid(hand, (0.035, 0.06, 0.04), skin, who, rings=4, sides=6)]


def build_rider(rng: np.random.Generator, seat: float, reach: float, phase: float) -> Soup:
    """Return someone seated at height `seat` whose hands are `reach` metres ahead; faces +z."""
    top, leg = TOPS[int(rng.integers(10))], LEGS[int(rng.integers(5))]
    skin, hair = SKIN[int(rng.integers(4))], HAIR[int(rng.integers(5))]
    if rng.random() < 0.6:
        bright = float(rng.uniform(0.05, 0.4))
        hair = (bright, bright, bright)
    who = Label.RIDER
    soups = []
    for sign in (-1, 1):
        turn = phase + (math.pi if sign > 0 else 0.0)
        foot = (sign * 0.1, 0.3 + 0.17 * math.sin(turn), 0.25 + 0.17 * math.cos(turn))
        knee = (sign * 0.13, 0.5 * (seat + foot[1]) + 0.12, 0.42)
        soups.append(tube([(sign * 0.1, seat, 0.0), knee, foot], [0.1, 0.075, 0.05], leg, who,
                          Material.CLOTH))
        soups.append(ellipsoid((foot[0], foot[1] - 0.02, foot[2] + 0.06), (0.045, 0.045, 0.12),
                               (0.02, 0.02, 0.02), who, rings=4, sides=6))
        soups.append(tube([(sign * 0.19, seat + 0.5, 0.2), (sign * 0.27, seat + 0.3, 0.38),
                           (sign * 0.24, seat + 0.12, reach)], [0.065, 0.05, 0.035], top, who,
                          Material.CLOTH, sides=7))
    soups.append(tube([(0, seat - 0.06, -0.05), (0, seat + 0.28, 0.06), (0, seat + 0.54, 0.2),
                       (0, seat + 0.6, 0.24)], [0.17, 0.18, 0.18, 0.07], top, who,
                      Material.CLOTH, sides=10, flatten=0.7))
    soups.append(ellipsoid((0, seat + 0.73, 0.29), (0.08, 0.115, 0.095), skin, who))
    soups.append(ellipsoid((0, seat + 0.78, 0.27), (0.098, 0.1, 0.118), hair, who))
    return merge(soups)
