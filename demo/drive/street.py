# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The plan of one street: widths, what stands along each side, crossings, light and weather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import F32, generator

KERB_HEIGHT = 0.12
LANE = 3.3


@dataclass(frozen=True)
class Lot:
    """Hold one stretch of a side: `kind` is houses, garden, park or crossing."""

    side: int
    start: float
    end: float
    kind: str


@dataclass(frozen=True)
class Street:
    """Hold the plan of a street; metres, x from the centre line, z along it.

    Attributes:
        kerb: distance from the centre line to either kerb.
        parking: width of the parking lanes, 0 where there are none.
        walk: width of the pavement.
        green: width of the grass strip between kerb and pavement, 0 where there is none.
        crossings: middle and half width of the streets that cross.
        zebras: where pedestrian crossings lie.
        bend: curvature of the street, 1/m.
        sun: strength of the sun against the sky, 0 is overcast.
        sun_direction: from the ground to the sun.
    """

    seed: int
    kerb: float
    parking: float
    walk: float
    green: float
    length: float
    crossings: tuple[tuple[float, float], ...]
    zebras: tuple[float, ...]
    lots: tuple[Lot, ...]
    bend: float
    dashed: bool
    tram: bool
    slabs: int
    sun: float
    sun_direction: tuple[float, float, float]
    clouds: float

    @property
    def front(self) -> float:
        """Return the distance from the centre line to the house fronts."""
        return self.kerb + self.green + self.walk

    def shift(self, z: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return how far the bend has moved the centre line sideways at z."""
        return 0.5 * self.bend * z * z

    def is_road(self, s: F32, z: F32) -> NDArray[np.bool_]:
        """Return where the ground at s metres from the centre line is carriageway."""
        a = np.abs(s) - np.float32(self.kerb)
        road = a < 0
        for middle, half in self.crossings:
            b = np.abs(z - np.float32(middle)) - np.float32(half)
            r = np.float32(3.5)
            corner = (a < r) & (b < r) & ((r - a) ** 2 + (r - b) ** 2 > r * r)
            road |= (b < 0) | corner
        return road

    def is_grass(self, s: F32, z: F32) -> NDArray[np.bool_]:
        """Return where raised ground is lawn."""
        a = np.abs(s)
        grass = (a > self.kerb + 0.16) & (a < self.kerb + self.green)
        for lot in self.lots:
            if lot.kind in ('garden', 'park'):
                grass |= (s * lot.side > self.front) & (z > lot.start) & (z < lot.end)
        for middle, half in self.crossings:
            grass &= np.abs(z - np.float32(middle)) > half + 4.0
        return grass

    def near_crossing(self, z: float, margin: float = 0.0) -> bool:
        """Return whether z lies within a crossing street or `margin` metres beside it."""
        return any(abs(z - middle) < half + margin for middle, half in self.crossings)


def plan_street(seed: int, length: float = 190.0) -> Street:
    """Draw up a street from a seed."""
    rng = generator(seed, 1)
    parking = 2.1 if rng.random() < 0.75 else 0.0
    walk = float(rng.uniform(2.4, 4.2))
    green = float(rng.uniform(1.6, 2.6)) if rng.random() < 0.3 else 0.0
    crossings = []
    at = float(rng.uniform(35, 75))
    while at < length - 20:
        crossings.append((round(at, 2), round(float(rng.uniform(3.2, 5.0)), 2)))
        at += float(rng.uniform(50, 110))
    zebras = tuple(round(c - h - 5.5, 2) for c, h in crossings if rng.random() < 0.7)
    azimuth = float(rng.uniform(-1.2, 1.2)) * (1 if rng.random() < 0.5 else -1)
    height = float(rng.uniform(0.8, 1.6))
    ahead = 1.0 if rng.random() < 0.35 else -1.0
    direction = np.array([azimuth, height, ahead * float(rng.uniform(0.2, 1.0))])
    direction /= np.sqrt((direction * direction).sum())
    return Street(
        seed=seed, kerb=LANE + parking, parking=parking, walk=walk, green=green, length=length,
        crossings=tuple(crossings), zebras=zebras, lots=tuple(_plan_lots(rng, crossings, length)),
        bend=float(rng.normal(0.0, 0.0006)), dashed=bool(rng.random() < 0.75),
        tram=bool(rng.random() < 0.12),
        slabs=int(rng.integers(0, 3)), sun=float(rng.choice([0.0, 0.35, 0.9, 1.6])),
        sun_direction=(float(direction[0]), float(direction[1]), float(direction[2])),
        clouds=float(rng.uniform(0.2, 0.95)))


def _plan_lots(rng: np.random.Generator, crossings: list[tuple[float, float]],
               length: float) -> list[Lot]:
    """Cut each side between the crossings into stretches of houses, gardens and parks."""
    lots = []
    taste = rng.dirichlet([5.0, 1.3, 1.3])
    for side in (-1, 1):
        edges = [-25.0]
        for middle, half in crossings:
            edges += [middle - half - 2.5, middle + half + 2.5]
        edges.append(length)
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            at = start
            while at < end - 4:
                kind = ('houses', 'garden', 'park')[int(rng.choice(3, p=taste))]
                to = min(end, at + float(rng.uniform(18, 45)))
                if end - to < 8:
                    to = end
                lots.append(Lot(side, at, to, kind))
                at = to
    return lots
