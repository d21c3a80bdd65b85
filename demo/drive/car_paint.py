# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Paint cars, wheels and coaches from their own coordinates, down to lamps and number plates."""

from __future__ import annotations

import numpy as np

from .noise import F32, hashed
from .objects.car import FORMS, CarForm, wheel_radius

GLASS = (0.012, 0.013, 0.014)
RUBBER = (0.012, 0.012, 0.012)


def _put(color: F32, where: np.ndarray, value: tuple[float, float, float]) -> None:
    color[where] = np.array(value, np.float32)


def paint_car(local: F32, base: F32, key: F32) -> tuple[F32, F32, F32]:
    """Return colour (N, 3), gloss (N,) and glow (N, 3) of car bodies.

    Args:
        local: (N, 3) metres from the nose, above the road, to the side.
        base: (N, 3) colour of the paint.
        key: (N,) number of the form, plus 0.5 where the driver brakes.
    """
    color = base.copy()
    gloss = np.full(len(base), 0.10, np.float32)
    glow = np.zeros_like(base)
    number = np.floor(key + 0.01).astype(np.int64)
    for index in np.unique(number):
        at = np.flatnonzero(number == index)
        part = _paint_form(int(index), local[at], color[at], key[at] - index > 0.25)
        color[at], gloss[at], glow[at] = part
    return color, gloss, glow


def _paint_form(index: int, local: F32, color: F32, braking: np.ndarray
                ) -> tuple[F32, F32, F32]:
    form = FORMS[index]
    along, y, side = local[:, 0], local[:, 1], np.abs(local[:, 2])
    station, half = along / form.length, form.width / 2
    top = np.interp(station, [s for s, _ in form.roof], [h for _, h in form.roof])
    belt = form.belt - 0.04 + 0.06 * station
    gloss = np.full(len(color), 0.16, np.float32)
    glow = np.zeros_like(color)
    _seams(form.length, station, y, belt, side, half, color)
    radius = wheel_radius(form)
    arch = np.zeros(len(color), bool)
    for place in (0.185, 0.815):
        r = np.sqrt((along - place * form.length) ** 2 + (y - radius) ** 2)
        arch |= r < radius + 0.055
    arch &= side > half * 0.6
    _put(color, (y < 0.27) & (y > 0), (0.016, 0.016, 0.016))
    _put(color, arch, (0.004, 0.004, 0.004))
    gloss[arch | (y < 0.27)] = 0.0
    glass = _windows(form, station, y, side, top, belt)
    _put(color, glass, GLASS)
    gloss[glass] = 0.34
    _front(station, y, side, half, form.belt, color, gloss)
    _rear(station, y, side, half, form.belt, color, glow, braking)
    return color, gloss, glow


def _seams(length: float, station: F32, y: F32, belt: F32, side: F32, half: float,
           color: F32) -> None:
    flank = (side > half * 0.7) & (y < belt) & (y > 0.3)
    seam = np.zeros(len(color), bool)
    for place in (0.295, 0.515, 0.73):
        seam |= np.abs(station - place) * length < 0.008
    color[seam & flank] *= np.float32(0.25)
    strip = flank & (np.abs(y - 0.52) < 0.018) & (station > 0.24) & (station < 0.77)
    color[strip] *= np.float32(0.5)
    for place in (0.49, 0.70):
        handle = flank & (np.abs(station - place) * length < 0.09)
        handle &= np.abs(y - belt + 0.14) < 0.018
        color[handle] *= np.float32(0.4)


def _windows(form: CarForm, station: F32, y: F32, side: F32, top: F32, belt: F32) -> np.ndarray:
    """Return where the body is glass."""
    cowl, crown, rear, tail, half = form.cowl, form.crown, form.rear, form.tail, form.width / 2
    share = (y - belt) / np.maximum(top - belt, 0.05)
    flank = (share > 0.08) & (share < 0.80) & (y > belt + 0.03)
    slope_front = (station - cowl) / (crown - cowl)
    flank &= (slope_front > 0.15 + 0.55 * share) & (station < rear + (tail - rear) *
                                                    (0.75 - 0.6 * share))
    pillar = (np.abs(station - 0.525) < 0.012) | (np.abs(station - 0.735) < 0.012)
    flank &= ~pillar & (side > half * 0.55)
    high = (side < half * (0.80 - 0.12 * share)) & (share > 0.70)
    screen = high & (station > cowl + 0.012) & (station < crown - 0.012)
    back = high & (station > rear + 0.012) & (station < tail - 0.008) & (y > belt + 0.02)
    return flank | screen | back


def _front(station: F32, y: F32, side: F32, half: float, belt: float, color: F32,
           gloss: F32) -> None:
    nose = station < 0.012
    low = belt - 0.42
    grille = nose & (side < 0.5 * half) & (y > low + 0.06) & (y < low + 0.2)
    _put(color, grille, (0.01, 0.01, 0.01))
    _put(color, grille & (np.mod(y * 28, 1) > 0.7), (0.16, 0.16, 0.16))
    _put(color, nose & (side < 0.7 * half) & (y < 0.38), (0.012, 0.012, 0.012))
    lamp = (station < 0.055) & (side > 0.52 * half) & (y > low + 0.07) & (y < low + 0.23)
    _put(color, lamp, (0.38, 0.39, 0.40))
    _put(color, lamp & (np.abs(y - low - 0.15) < 0.045) & (np.abs(side - 0.72 * half) < 0.06),
         (0.62, 0.62, 0.6))
    gloss[lamp] = 0.3
    _plate(nose & (side < 0.26) & (np.abs(y - 0.44) < 0.055), y - 0.44, side, color)


def _rear(station: F32, y: F32, side: F32, half: float, belt: float, color: F32, glow: F32,
          braking: np.ndarray) -> None:
    tail = station > 0.955
    lamp = tail & (side > 0.66 * half) & (y > belt - 0.24) & (y < belt - 0.02)
    _put(color, lamp, (0.20, 0.008, 0.01))
    _put(color, lamp & (y < belt - 0.19), (0.3, 0.28, 0.26))
    glow[lamp & braking] = np.array([0.9, 0.03, 0.03], np.float32)
    end = station > 0.988
    _put(color, end & (y < 0.42) & (side < 0.8 * half), (0.014, 0.014, 0.014))
    _plate(end & (side < 0.26) & (np.abs(y - belt + 0.27) < 0.055), y - belt + 0.27, side, color)


def _plate(where: np.ndarray, rise: F32, side: F32, color: F32) -> None:
    _put(color, where, (0.52, 0.52, 0.50))
    _put(color, where & (np.abs(rise) < 0.035) & (hashed(np.floor(side * 26)) > 0.4)
         & (side < 0.23), (0.02, 0.02, 0.02))


def paint_wheel(local: F32, base: F32, key: F32) -> tuple[F32, F32, F32]:
    """Return the paint of wheels seen from the side: tyre, rim, spokes, hub."""
    r = np.sqrt(local[:, 0] ** 2 + local[:, 1] ** 2) / local[:, 2]
    angle = np.arctan2(local[:, 1], local[:, 0]) / 6.2832
    count = 5 + np.floor(key * 5)
    spoke = np.abs(np.mod(angle * count, 1) - 0.5) < 0.24 + 0.1 * (0.6 - r)
    color = np.full_like(base, 0.015)
    rim = r < 0.70
    _put(color, rim, (0.02, 0.02, 0.02))
    color[rim & (spoke | (r > 0.63) | (r < 0.17))] = np.array([0.26, 0.26, 0.27], np.float32)
    gloss = np.where(rim & (color[:, 0] > 0.1), 0.12, 0.0).astype(np.float32)
    return color, gloss, np.zeros_like(base)


def paint_coach(local: F32, base: F32, key: F32) -> tuple[F32, F32, F32]:
    """Return the paint of buses (key 1), trams (2), lorry cabs (3) and lorry bodies (4)."""
    along, y, side = local[:, 0], local[:, 1], np.abs(local[:, 2])
    kind = np.round(key).astype(np.int64)
    color, gloss = base.copy(), np.full(len(base), 0.06, np.float32)
    glow = np.zeros_like(base)
    flank = side > 1.0
    nose = along < 0.15
    coach = kind <= 2
    tail = coach & (along > np.where(kind == 1, 11.35, 10.85))
    pane = coach & (y > 1.3) & (y < 2.45) & ((flank & (np.mod(along, 1.5) > 0.07)) | nose | tail)
    pane &= side < 1.4
    pane &= ~(tail & (y < 1.7))
    pane |= nose & coach & (y > 1.0) & (y < 2.5)
    door = coach & flank & (np.mod(along - 1.6, 4.2) < 1.2) & (y > 0.45) & (y < 2.4)
    pane |= door & (np.mod(along - 1.6, 0.6) > 0.06)
    pane |= (kind == 3) & (y > 1.55) & (y < 2.4) & ((nose & (side < 1.05)) |
                                                    (flank & (along > 0.3) & (along < 1.4)))
    _put(color, pane, GLASS)
    gloss[pane] = 0.32
    sign = coach & nose & (y > 2.55) & (y < 2.85) & (side < 0.8)
    _put(color, sign, (0.01, 0.01, 0.01))
    glow[sign & (hashed(np.floor(side * 14), np.floor(y * 14)) > 0.6)] = (0.5, 0.25, 0.02)
    _put(color, coach & (y < 0.5), (0.03, 0.03, 0.03))
    lamp = nose & (kind < 4) & (side > 0.7) & (y > 0.6) & (y < 0.85)
    _put(color, lamp, (0.55, 0.55, 0.53))
    back = tail & (side > 0.85) & (y > 0.7) & (y < 1.2)
    _put(color, back, (0.25, 0.01, 0.01))
    rib = (kind == 4) & (np.mod(along, 0.6) < 0.02)
    color[rib] *= np.float32(0.6)
    rear = (kind == 4) & (along > 5.4)
    _put(color, rear & (side < 0.02), (0.02, 0.02, 0.02))
    _put(color, (kind == 4) & (y < 1.02), (0.04, 0.04, 0.04))
    return color, gloss, glow
