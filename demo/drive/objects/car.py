# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Cars: a skin lofted over stations along the length, painted in detail by `car_paint.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..labels import Label
from ..shapes import circle, disc, ellipsoid, skin
from ..soup import Color, Material, Soup, merge

PAINTS: tuple[Color, ...] = (
    (0.012, 0.012, 0.014), (0.02, 0.022, 0.026), (0.30, 0.31, 0.32), (0.52, 0.53, 0.54),
    (0.09, 0.095, 0.10), (0.02, 0.035, 0.09), (0.17, 0.012, 0.015), (0.018, 0.04, 0.03),
    (0.20, 0.19, 0.17), (0.05, 0.055, 0.06), (0.03, 0.06, 0.13), (0.62, 0.62, 0.60))


@dataclass(frozen=True)
class CarForm:
    """Hold a body shape; stations run from the nose (0) to the tail (1) of the length.

    Attributes:
        roof: (station, height) of the line over bonnet, windscreen, roof and tail.
        cowl, crown, rear, tail: stations where windscreen, roof, rear window begin and end.
    """

    length: float
    width: float
    belt: float
    roof: tuple[tuple[float, float], ...]
    cowl: float
    crown: float
    rear: float
    tail: float


FORMS: tuple[CarForm, ...] = (
    CarForm(4.65, 1.80, 0.94, ((0, 0.42), (0.012, 0.62), (0.05, 0.74), (0.14, 0.85), (0.27, 0.96),
                               (0.43, 1.38), (0.52, 1.44), (0.64, 1.43), (0.73, 1.36),
                               (0.86, 1.06), (0.96, 1.02), (0.99, 0.9), (1, 0.5)),
            0.27, 0.45, 0.72, 0.87),
    CarForm(4.15, 1.78, 0.95, ((0, 0.42), (0.012, 0.64), (0.05, 0.78), (0.13, 0.9), (0.24, 1.0),
                               (0.41, 1.42), (0.52, 1.49), (0.7, 1.47), (0.84, 1.38), (0.95, 1.0),
                               (0.985, 0.9), (1, 0.5)), 0.24, 0.43, 0.85, 0.95),
    CarForm(4.7, 1.83, 0.95, ((0, 0.42), (0.012, 0.64), (0.05, 0.76), (0.13, 0.88), (0.26, 0.98),
                              (0.41, 1.40), (0.5, 1.47), (0.7, 1.47), (0.88, 1.41), (0.965, 1.02),
                              (0.99, 0.9), (1, 0.5)), 0.26, 0.43, 0.89, 0.965),
    CarForm(4.5, 1.86, 1.08, ((0, 0.5), (0.012, 0.74), (0.04, 0.92), (0.13, 1.02), (0.25, 1.12),
                              (0.39, 1.58), (0.5, 1.68), (0.72, 1.66), (0.89, 1.58), (0.96, 1.12),
                              (0.985, 1.0), (1, 0.55)), 0.25, 0.41, 0.9, 0.96),
    CarForm(4.95, 1.92, 1.12, ((0, 0.5), (0.012, 0.78), (0.04, 0.95), (0.12, 1.1), (0.19, 1.2),
                               (0.33, 1.82), (0.42, 1.95), (0.7, 1.97), (0.95, 1.95),
                               (0.985, 1.75), (0.995, 1.0), (1, 0.5)), 0.19, 0.36, 0.965, 0.992),
    CarForm(3.55, 1.65, 0.94, ((0, 0.45), (0.015, 0.66), (0.05, 0.82), (0.12, 0.95), (0.21, 1.04),
                               (0.4, 1.43), (0.53, 1.5), (0.75, 1.48), (0.9, 1.36), (0.97, 1.0),
                               (0.99, 0.9), (1, 0.5)), 0.21, 0.42, 0.9, 0.97),
)


def wheel_radius(form: CarForm) -> float:
    """Return the wheels' radius in metres."""
    return 0.31 if form.length < 4.4 else 0.335


def build_car(rng: np.random.Generator, *, braking: bool = False) -> Soup:
    """Return a car facing +z with its middle at the origin.

    Local coordinates of the body are (distance from the nose, height, sideways); the key holds
    the number of the form and whether the brake lights are on.
    """
    number = int(rng.choice(len(FORMS), p=[0.2, 0.25, 0.2, 0.15, 0.1, 0.1]))
    form = FORMS[number]
    color = PAINTS[int(rng.integers(len(PAINTS)))]
    key = number + (0.5 if braking else 0.0)
    soups = [_body(form, color, key)]
    radius = wheel_radius(form)
    for station in (0.185, 0.815):
        z = form.length * (0.5 - station)
        for sign in (-1, 1):
            soups.append(_wheel(sign * (form.width / 2 - 0.13), radius, z, sign, number / 8.0))
    for sign in (-1, 1):
        soups.append(ellipsoid((sign * (form.width / 2 + 0.09), form.belt + 0.08,
                                form.length * (0.5 - form.cowl - 0.07)), (0.11, 0.075, 0.06),
                               color, Label.CAR, Material.METAL, rings=5, sides=8))
    return merge(soups)


def _body(form: CarForm, color: Color, key: float) -> Soup:
    stations = np.unique(np.concatenate([
        np.array([s for s, _ in form.roof]), np.linspace(0.04, 0.96, 26)]))
    top = np.interp(stations, [s for s, _ in form.roof], [h for _, h in form.roof])
    half = form.width / 2
    plan = np.interp(stations, [0, 0.012, 0.05, 0.12, 0.2, 0.8, 0.92, 0.975, 1],
                     [0.66, 0.8, 0.9, 0.965, 1, 1, 0.96, 0.88, 0.76]) * half
    floor = np.interp(stations, [0, 0.03, 0.1, 0.9, 0.97, 1], [0.27, 0.2, 0.18, 0.18, 0.24, 0.3])
    belt = np.minimum(form.belt - 0.04 + 0.06 * stations, top - 0.035)
    cabin = np.clip((top - belt - 0.04) / 0.4, 0, 1)
    roof_half = plan * (0.90 - 0.17 * cabin)
    mid = floor + 0.55 * (belt - floor)
    right = [(plan * 0.9, floor), (plan * 0.965, floor + 0.1), (plan, mid),
             (plan * 0.985, mid + 0.6 * (belt - mid)), (plan * 0.945, belt),
             (plan * 0.945 + (roof_half - plan * 0.945) * 0.8, belt + (top - belt) * 0.78),
             (roof_half * 0.9, belt + (top - belt) * 0.94), (roof_half * 0.55, top - 0.008)]
    ring = right + [(np.zeros_like(top), top)] + [(-w, h) for w, h in right[::-1]]
    z = form.length * (0.5 - stations)
    grid = np.stack([np.stack([w, h, z], axis=1) for w, h in ring], axis=1)
    local = np.stack([np.stack([stations * form.length, h, w], axis=1) for w, h in ring], axis=1)
    soups = [skin(grid, color, Label.CAR, Material.CAR, local=local, key=key)]
    for row, out in ((0, 1.0), (-1, -1.0)):
        cap = grid[[row, row]].copy()
        cap[1, :, :2] = np.array([0.0, 0.38])
        spot = local[[row, row]].copy()
        spot[1, :, 1:] = np.array([0.38, 0.0])
        plate = skin(cap, color, Label.CAR, Material.CAR, closed=True, local=spot, key=key)
        facing = np.zeros_like(plate.normal)
        facing[..., 2] = out
        soups.append(Soup(plate.position, facing, plate.local, plate.color, plate.material,
                          plate.label, plate.key))
    return merge(soups)


def _wheel(x: float, radius: float, z: float, sign: int, key: float) -> Soup:
    ring = circle(18)
    edge = x + sign * 0.115
    columns = [(x - sign * 0.1, radius), (edge - sign * 0.02, radius), (edge, radius * 0.95)]
    grid = np.stack([np.stack([np.full(18, cx), ring[:, 1] * r + radius, ring[:, 0] * r + z],
                              axis=1) for cx, r in columns])
    tread = skin(grid, (0.02, 0.02, 0.021), Label.CAR, closed=True)
    face = disc((edge, radius, z), radius * 0.95, 'x', (0.25, 0.25, 0.26), Label.CAR,
                Material.WHEEL, sides=18, key=key)
    return merge([tread, replace(face, normal=face.normal * np.float32(sign))])
