# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Fill a street with what does not move: houses, trees, parked cars, signs, lamps."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np

from .labels import Label
from .noise import generator
from .objects.car import build_car
from .objects.coach import build_truck
from .objects.cycle import build_bicycle, build_motorcycle
from .objects.furniture import (
    build_bin,
    build_bollard,
    build_lamp,
    build_sign,
    build_traffic_light,
)
from .objects.house import build_fence, build_row, build_wall
from .objects.tree import build_bush, build_tree
from .shapes import box
from .soup import Soup, merge
from .street import KERB_HEIGHT, Lot, Street

HORIZON = 260.0


@dataclass(frozen=True)
class Prop:
    """Hold one fixed thing with a coarse copy for `switch` metres and more ahead.

    Big things are seen from `reach` metres, where that is more than all are.
    """

    near: Soup
    far: Soup
    start: float
    end: float
    switch: float = 35.0
    reach: float = 0.0


def _single(soup: Soup, z: float, reach: float = 3.0) -> Prop:
    return Prop(soup, soup, z - reach, z + reach)


def furnish(street: Street, rng: np.random.Generator) -> list[Prop]:
    """Return every fixed thing of a street, in street coordinates."""
    props = []
    for lot in street.lots:
        props += _lot(street, lot, rng)
    props += _side_streets(street, rng)
    props += _kerbside(street, rng)
    props += _signals(street, rng)
    props += _parked(street, rng)
    end = street.length
    row = build_row(rng, 1, 0.0, -45.0, 45.0).placed(z=end + 14, yaw=-math.pi / 2)
    props.append(Prop(row, row, end, end + 30, reach=HORIZON))
    return props


def _tree(rng: np.random.Generator, x: float, z: float, height: float) -> Prop:
    looks = int(rng.integers(1 << 30))
    near, far = (build_tree(generator(looks), height, detail).placed(x, KERB_HEIGHT, z)
                 for detail in (1.0, 0.3))
    return Prop(near, far, z - 4, z + 4, 28.0)


def _lot(street: Street, lot: Lot, rng: np.random.Generator) -> list[Prop]:
    front, side = street.front, lot.side
    props = []
    length = lot.end - lot.start
    if lot.kind == 'houses':
        row = build_row(rng, side, front, lot.start, lot.end)
        return [Prop(row, row, lot.start, lot.end, reach=HORIZON)]
    fence = rng.random()
    tone = float(rng.uniform(0.1, 0.35))
    if fence < 0.4 or lot.kind == 'garden':
        if rng.random() < 0.5:
            soup = build_wall(side, front, lot.start, lot.end, float(rng.uniform(0.8, 2.2)),
                              (tone, tone * 0.95, tone * 0.88))
        else:
            soup = build_fence(side, front, lot.start, lot.end, float(rng.uniform(1.1, 1.8)),
                               (0.03, 0.035, 0.032))
        props.append(Prop(soup, soup, lot.start, lot.end))
    hedge = build_bush(rng, length - 1, float(rng.uniform(1.0, 2.2)), 1.0, 0.5)
    props.append(Prop(hedge.placed(side * (front + 1.3), KERB_HEIGHT, lot.start + 0.5),
                      hedge.placed(side * (front + 1.3), KERB_HEIGHT, lot.start + 0.5),
                      lot.start, lot.end))
    z = lot.start + float(rng.uniform(1, 4))
    while z < lot.end - 1:
        props.append(_tree(rng, side * (front + float(rng.uniform(2.5, 8.0))), z,
                           float(rng.uniform(7, 14))))
        z += float(rng.uniform(3.0, 7.0))
    back = front + (14.0 if lot.kind == 'garden' else 30.0)
    row = build_row(rng, side, back, lot.start, lot.end)
    props.append(Prop(row, row, lot.start, lot.end, reach=HORIZON))
    return props


def _side_streets(street: Street, rng: np.random.Generator) -> list[Prop]:
    """Close the view down the streets that cross."""
    props = []
    for middle, half in street.crossings:
        for side in (-1, 1):
            wall = build_row(rng, 1, 0.0, -25.0, 25.0)
            x = side * (street.front + 60.0)
            soup = wall.placed(x, 0.0, middle, yaw=0.0 if side > 0 else math.pi)
            props.append(Prop(soup, soup, middle - half, middle + half))
            for sign in (-1, 1):
                at = middle + sign * (half + 2.5)
                low = min(at, at + sign * 11)
                for k in range(2):
                    x0 = street.front + 11.5 + 20 * k
                    tone = float(rng.uniform(0.2, 0.4))
                    block = box((x0, 0, low), (x0 + 20, float(rng.uniform(9, 15)), low + 11),
                                (tone, tone * 0.95, tone * 0.85), Label.BUILDING)
                    if side < 0:
                        block = block.placed(z=2 * low + 11, yaw=math.pi)
                    props.append(Prop(block, block, middle - half - 14, middle + half + 14))
    return props


def _free(street: Street, z: float) -> bool:
    return not street.near_crossing(z, 6.5) and all(abs(z - at) > 4.5 for at in street.zebras)


def _kerbside(street: Street, rng: np.random.Generator) -> list[Prop]:
    """Place lamps, street trees, signs, bollards, bins and bicycles along both kerbs."""
    props = []
    edge = street.kerb + 0.55
    trees = rng.random(2) < (0.85 if street.green else 0.35)
    posts = rng.random(2) < 0.25
    for index, side in enumerate((-1, 1)):
        z = float(rng.uniform(4, 16))
        while z < street.length:
            if _free(street, z):
                lamp = build_lamp(float(rng.uniform(6.5, 8.0)), -side * 1.4)
                props.append(_single(lamp.placed(side * edge, KERB_HEIGHT, z), z))
            z += float(rng.uniform(24, 34))
        z = float(rng.uniform(0, 8))
        while trees[index] and z < street.length:
            if _free(street, z):
                props.append(_tree(rng, side * (street.kerb + 0.9), z, float(rng.uniform(5.5, 9))))
            z += float(rng.uniform(8, 15))
        z = float(rng.uniform(6, 20))
        while z < street.length:
            if _free(street, z):
                sign = build_sign(int(rng.integers(6)), high=float(rng.uniform(2.1, 2.6)))
                yaw = 0.0 if side > 0 else math.pi
                props.append(_single(sign.placed(side * (edge - 0.1), KERB_HEIGHT, z, yaw=yaw), z))
            z += float(rng.uniform(14, 36))
        z = float(rng.uniform(3, 12))
        while z < street.length:
            if _free(street, z):
                props.append(_single(_small(rng).placed(side * (edge + 0.15), KERB_HEIGHT, z,
                                                        yaw=1.57 * side), z))
            z += float(rng.uniform(7, 25))
        z = 2.0
        while posts[index] and z < street.length:
            if _free(street, z):
                post = build_bollard().placed(side * (edge - 0.2), KERB_HEIGHT, z)
                props.append(_single(post, z))
            z += 1.8
    return props


def _small(rng: np.random.Generator) -> Soup:
    kind = rng.random()
    if kind < 0.35:
        return build_bin(rng)
    if kind < 0.85:
        return merge([build_bicycle(rng, 0.0, ridden=False).placed(x=0.6 * i, roll=0.1)
                      for i in range(int(rng.integers(1, 4)))])
    return build_motorcycle(rng, ridden=False)


def _signals(street: Street, rng: np.random.Generator) -> list[Prop]:
    props = []
    for middle, half in street.crossings:
        state = int(rng.choice([0, 2, 2, 1]))
        lights = rng.random() < 0.75
        for side in (-1, 1):
            z = middle - half - 2.4
            if lights:
                arm = -side * 3.2 if side > 0 and rng.random() < 0.6 else 0.0
                soup = build_traffic_light(state, arm=arm)
            else:
                soup = build_sign(2 + 2 * int(rng.integers(2)))
            props.append(_single(soup.placed(side * (street.kerb + 0.6), KERB_HEIGHT, z), z))
            if lights:
                far = build_traffic_light(state).placed(side * (street.kerb + 0.6), KERB_HEIGHT,
                                                        middle + half + 2.4)
                props.append(_single(far, middle + half + 2.4))
        for at in (a for a in street.zebras if abs(a - middle) < 15):
            sign = build_sign(5).placed(street.kerb + 0.5, KERB_HEIGHT, at - 2.2)
            props.append(_single(sign, at))
    return props


def _parked(street: Street, rng: np.random.Generator) -> list[Prop]:
    props: list[Prop] = []
    if not street.parking:
        return props
    for side in (-1, 1):
        fill = float(rng.uniform(0.35, 0.95))
        z = -6.0 + float(rng.uniform(0, 6))
        while z < street.length:
            if _free(street, z) and _free(street, z + 3) and rng.random() < fill:
                kind = rng.random()
                soup = build_truck(rng) if kind < 0.03 else build_car(rng)
                yaw = 0.0 if side > 0 else math.pi
                x = side * (street.kerb - 1.05 + float(rng.uniform(-0.1, 0.1)))
                yaw += float(rng.normal(0, 0.02))
                props.append(_single(soup.placed(x, 0.0, z, yaw=yaw), z, 5.0))
            z += float(rng.uniform(5.6, 6.6))
    return props
