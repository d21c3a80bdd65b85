# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Who moves in a street: traffic, people on foot, and what has no business there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math

import numpy as np

from .noise import generator
from .objects.animal import build_animal
from .objects.car import build_car
from .objects.coach import build_bus, build_tram, build_truck
from .objects.cycle import build_bicycle, build_motorcycle
from .objects.person import build_person
from .objects.unknown import BUILDERS
from .soup import Soup
from .street import KERB_HEIGHT, LANE, Street

SPEED = 8.0


@dataclass(frozen=True)
class Mover:
    """Hold something that moves along the street; `build` gives its shape at a time."""

    build: Callable[[float], Soup]
    x: float
    z: float
    speed_x: float
    speed_z: float
    yaw: float
    y: float = 0.0
    start: float = -1e9
    end: float = 1e9
    drop: float = 0.0

    def at(self, time: float, low: float, high: float) -> Soup | None:
        """Return the shape in street coordinates, or nothing outside its time or low..high."""
        if not self.start <= time <= self.end:
            return None
        age = time - max(self.start, 0.0)
        fall = max(0.0, self.drop * (1.0 - (age / 0.45) ** 2)) if self.drop else 0.0
        z = self.z + self.speed_z * (min(age, 0.6) * (1 - 0.5 * min(age, 0.6) / 0.6)
                                     if self.drop else time if self.start < 0 else age)
        if not low < z < high:
            return None
        x = self.x + self.speed_x * age
        return self.build(time).placed(x, self.y + fall, z, yaw=self.yaw,
                                       pitch=0.5 * fall / max(self.drop, 1e-6))


def _fixed(soup: Soup) -> Callable[[float], Soup]:
    return lambda _time: soup


def plan_traffic(street: Street, rng: np.random.Generator, story: bool) -> list[Mover]:
    """Return the moving cars, coaches and riders; a story keeps the own lane free."""
    movers = []
    z = float(rng.uniform(20, 45))
    while z < 260:
        x = -LANE / 2 - float(rng.uniform(0.0, 0.3))
        kind = rng.random()
        build = build_car if kind < 0.78 or story else build_truck if kind < 0.86 else build_bus
        soup = build(rng)
        if kind > 0.93 and street.tram and not story:
            soup = build_tram(rng)
        elif kind > 0.95:
            soup = build_motorcycle(rng, ridden=True)
        movers.append(Mover(_fixed(soup), x, z, 0.0, -float(rng.uniform(7, 11)), math.pi))
        z += float(rng.uniform(16, 60))
    if not story and rng.random() < 0.7:
        kind = rng.random()
        ahead = float(rng.uniform(10, 40))
        build = build_car if kind < 0.7 else build_truck if kind < 0.85 else build_bus
        if build is build_car:
            soup = build_car(rng, braking=bool(rng.random() < 0.4))
        else:
            soup = build(rng)
        if kind > 0.93:
            soup = build_motorcycle(rng, ridden=True)
        movers.append(Mover(_fixed(soup), LANE / 2 + float(rng.uniform(-0.3, 0.3)), ahead, 0.0,
                            SPEED * float(rng.uniform(0.9, 1.3)), 0.0))
    for _ in range(int(rng.integers(1, 4))):
        way = 1.0 if rng.random() < 0.6 else -1.0
        looks = int(rng.integers(1 << 30))

        def ride(time: float, looks: int = looks) -> Soup:
            return build_bicycle(generator(looks), 6.0 * time, ridden=True)

        movers.append(Mover(ride, way * (LANE - 0.5), float(rng.uniform(8, 120)), 0.0,
                            way * float(rng.uniform(3.5, 5.5)), 0.0 if way > 0 else math.pi))
    return movers


def plan_walkers(street: Street, rng: np.random.Generator) -> list[Mover]:
    """Return people on the pavements and on the crossings."""
    movers = []
    for _ in range(int(rng.integers(9, 26))):
        side = 1.0 if rng.random() < 0.5 else -1.0
        way = 1.0 if rng.random() < 0.5 else -1.0
        inner = street.kerb + street.green + 0.5
        x = side * float(rng.uniform(inner, max(inner + 0.2, street.front - 0.4)))
        speed = 0.0 if rng.random() < 0.2 else float(rng.uniform(0.9, 1.6))
        looks, lag = int(rng.integers(1 << 30)), float(rng.uniform(0, 6.28))

        def walk(time: float, looks: int = looks, lag: float = lag, speed: float = speed) -> Soup:
            return build_person(generator(looks), lag + 4.2 * speed * time, min(1.0, speed))

        yaw = 0.0 if way > 0 else math.pi
        if speed == 0.0:
            yaw = float(rng.uniform(0, 6.28))
        movers.append(Mover(walk, x, float(rng.uniform(5, 110)), 0.0, way * speed, yaw,
                            y=KERB_HEIGHT))
    for at in street.zebras:
        if rng.random() < 0.7:
            looks, lag = int(rng.integers(1 << 30)), float(rng.uniform(0, 6.28))
            way = 1.0 if rng.random() < 0.5 else -1.0
            x = float(rng.uniform(-0.8, 0.8)) * street.kerb

            def cross(time: float, looks: int = looks, lag: float = lag) -> Soup:
                return build_person(generator(looks), lag + 5.5 * time)

            movers.append(Mover(cross, x, at + float(rng.uniform(-1, 1)), way * 0.35, 0.0,
                                way * math.pi / 2))
    return movers


def scatter_unknown(street: Street, rng: np.random.Generator) -> list[Mover]:
    """Place unknown things on the road, some of them moving."""
    movers = []
    z = float(rng.uniform(7, 18))
    while z < 130:
        soup = BUILDERS[int(rng.integers(len(BUILDERS)))](rng)
        x = float(rng.uniform(-0.9, 0.9)) * street.kerb
        soup = soup.placed(scale=float(rng.uniform(0.8, 1.25)))
        movers.append(Mover(_fixed(soup), x, z, 0.0, 0.0, float(rng.uniform(0, 6.28))))
        z += float(rng.uniform(9, 40))
    return movers


def plan_story(street: Street, rng: np.random.Generator, swerves: list[tuple[float, float]],
           unknown: bool) -> list[Mover]:
    """Return the lorry ahead, the cargo that it loses, and the animals that cross."""
    lorry = build_truck(rng)
    movers = [Mover(_fixed(lorry), LANE / 2 + 0.1, 22.5, 0.0, 9.0, 0.0)]
    if not unknown:
        return movers
    for number, (time, x, shift, yaw) in {
            5: (0.8, 2.3, -1.5, 0.3), 1: (3.0, 2.5, -1.7, 0.5), 0: (5.6, 0.7, 1.2, 0.3)}.items():
        z = 17.8 + 9.0 * time
        soup = BUILDERS[number](rng)
        movers.append(Mover(_fixed(soup), x, z, 0.0, 5.0, yaw, start=time, drop=0.95))
        swerves.append((z + 1.5, shift))
        if number == 5:
            boxes = BUILDERS[3](rng)
            movers.append(Mover(_fixed(boxes), 2.7, z + 5.0, 0.0, 5.0, 0.6, start=time + 0.5,
                                drop=0.95))

    def deer(time: float) -> Soup:
        return build_animal(0, 9.0 * time)

    gap = min((m for m, _ in street.crossings), key=lambda m: abs(m - 57.0), default=57.0)
    movers.append(Mover(deer, -9.0, gap + 1.0, 4.7, 0.0, math.pi / 2, start=3.7, end=7.6))

    def dog(time: float) -> Soup:
        return build_animal(3, 11.0 * time)

    movers.append(Mover(dog, 3.4, 76.0, -1.7, 0.0, -math.pi / 2, start=6.5))
    return movers
