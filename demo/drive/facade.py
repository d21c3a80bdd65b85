# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Draw the cells of a house front: one window, door or shop per bay and floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import F32, hashed

CELL = 128
STYLES = 5
UPPER = 5
GROUND = 5
PAPER = 5
"""Channels: red, green, blue of what is painted, share of bare wall, share of glass."""


@dataclass(frozen=True)
class FacadeAtlas:
    """Hold all cells at several sizes: per level (styles * variants, S, S, 5) float32."""

    levels: tuple[F32, ...]

    def sample(self, cell: NDArray[np.int64], u: F32, v: F32, texel: F32) -> F32:
        """Return (N, 5) of cells (N,) at u right, v up in 0..1; `texel` is the footprint 0..1."""
        wanted = np.clip(np.log2(np.maximum(texel * CELL, 1.0)).astype(np.int64), 0,
                         len(self.levels) - 1)
        painted = np.empty((cell.size, PAPER), np.float32)
        for i, level in enumerate(self.levels):
            at = np.flatnonzero(wanted == i)
            side = level.shape[1]
            row = np.clip(((1 - v[at]) * side).astype(np.int64), 0, side - 1)
            column = np.clip((u[at] * side).astype(np.int64), 0, side - 1)
            painted[at] = level[cell[at], row, column]
        return painted


def cell_number(style: NDArray[np.int64], floor: NDArray[np.int64], bay: NDArray[np.int64],
                house: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the atlas cell of each bay and floor; upper floors of a house share their window."""
    shared = (hashed(house, style) * UPPER).astype(np.int64)
    odd = hashed(house, bay, floor) < 0.12
    upper = np.where(odd, (hashed(house, bay, floor, style) * UPPER).astype(np.int64), shared)
    ground = (hashed(house, bay, style + 77) * GROUND).astype(np.int64)
    return style * (UPPER + GROUND) + np.where(floor <= 0, UPPER + ground, upper)


def build_atlas(rng: np.random.Generator) -> FacadeAtlas:
    """Draw every style's cells."""
    cells = []
    for style in range(STYLES):
        cells += [_draw_window(rng, style) for _ in range(UPPER)]
        cells += [_draw_ground(rng, style, kind) for kind in range(GROUND)]
    level = np.stack(cells).astype(np.float32)
    levels = [level]
    while level.shape[1] > 4:
        level = (level[:, ::2, ::2] + level[:, 1::2, ::2] + level[:, ::2, 1::2] +
                 level[:, 1::2, 1::2]) * np.float32(0.25)
        levels.append(level)
    return FacadeAtlas(tuple(levels))


def _blank() -> F32:
    cell = np.zeros((CELL, CELL, PAPER), np.float32)
    cell[..., :4] = 1.0
    return cell


def _rect(cell: F32, left: float, right: float, low: float, high: float,
          color: tuple[float, float, float], *, wall: float = 0.0, glass: float = 0.0) -> None:
    """Paint a rectangle; sides in 0..1, low and high measured from the floor up."""
    rows = slice(max(0, round((1 - high) * CELL)), max(0, round((1 - low) * CELL)))
    columns = slice(max(0, round(left * CELL)), max(0, round(right * CELL)))
    cell[rows, columns, :3] = color
    cell[rows, columns, 3] = wall
    cell[rows, columns, 4] = glass


def _shade(cell: F32, left: float, right: float, low: float, high: float, factor: float) -> None:
    """Darken a rectangle."""
    rows = slice(max(0, round((1 - high) * CELL)), max(0, round((1 - low) * CELL)))
    columns = slice(max(0, round(left * CELL)), max(0, round(right * CELL)))
    cell[rows, columns, :3] *= factor


def _pane(cell: F32, rng: np.random.Generator, left: float, right: float, low: float,
          high: float, frame: tuple[float, float, float], *, bars: int = 1,
          cross: float = 0.0) -> None:
    """Paint a glazed opening: reveal in shadow, frame, dark room, curtains, bars, sill."""
    _shade(cell, left - 0.02, right + 0.02, low - 0.02, high + 0.02, 0.72)
    _rect(cell, left, right, low, high, frame)
    t = 0.022
    room = float(rng.uniform(0.01, 0.05))
    _rect(cell, left + t, right - t, low + t, high - t, (room, room * 1.05, room * 1.1), glass=1)
    width = right - left
    kind = rng.random()
    white = float(rng.uniform(0.2, 0.42))
    cloth = (white, white * 0.97, white * 0.9)
    if kind < 0.35:
        edge = width * float(rng.uniform(0.12, 0.3))
        for a, b in ((left + t, left + t + edge), (right - t - edge, right - t)):
            _rect(cell, a, b, low + t, high - t, cloth, glass=0.55)
    elif kind < 0.55:
        drop = low + (high - low) * float(rng.uniform(0.4, 0.8))
        _rect(cell, left + t, right - t, drop, high - t, cloth, glass=0.5)
    elif kind < 0.7:
        _rect(cell, left + t, right - t, low + t, high - t, (0.14, 0.14, 0.13), glass=0.6)
    for i in range(1, bars + 1):
        at = left + width * i / (bars + 1)
        _rect(cell, at - t * 0.7, at + t * 0.7, low, high, frame)
    if cross > 0:
        at = low + (high - low) * cross
        _rect(cell, left, right, at - t * 0.6, at + t * 0.6, frame)
    _shade(cell, left, right, high - 0.05, high, 0.45)
    _shade(cell, left, left + 0.02, low, high, 0.6)


def _draw_window(rng: np.random.Generator, style: int) -> F32:
    """Draw one bay of an upper floor."""
    cell = _blank()
    white = float(rng.uniform(0.45, 0.7))
    frame = (white, white, white * 0.96)
    if style == 3:
        low = float(rng.uniform(0.28, 0.34))
        frame = (0.12, 0.12, 0.13) if rng.random() < 0.6 else frame
        _pane(cell, rng, -0.01, 1.01, low, 0.86, frame, bars=2)
        _rect(cell, 0, 1, 0.0, 0.03, (0.8, 0.8, 0.8), wall=1.0)
        return cell
    if style == 4:
        _pane(cell, rng, 0.06, 0.94, 0.08, 0.92, (0.1, 0.1, 0.11), bars=1, cross=0.3)
        return cell
    half = float(rng.uniform(0.19, 0.26))
    low, high = float(rng.uniform(0.24, 0.3)), float(rng.uniform(0.78, 0.84))
    left, right = 0.5 - half, 0.5 + half
    stone = (1.3, 1.28, 1.22) if style != 1 else (0.85, 0.78, 0.66)
    if style in (0, 1, 2):
        edge = 0.035 if style != 2 else 0.0
        if edge:
            _rect(cell, left - edge, right + edge, low - 0.02, high + 0.05, stone,
                  wall=1.0 if style == 0 else 0.0)
        _rect(cell, left - 0.06, right + 0.06, low - 0.055, low - 0.015, stone,
              wall=1.0 if style == 0 else 0.0)
        _shade(cell, left - 0.06, right + 0.06, low - 0.085, low - 0.055, 0.62)
    if style == 0 and rng.random() < 0.5:
        _rect(cell, left - 0.08, right + 0.08, high + 0.05, high + 0.09, (1.35, 1.3, 1.25),
              wall=1.0)
        _shade(cell, left - 0.08, right + 0.08, high + 0.03, high + 0.05, 0.6)
    _pane(cell, rng, left, right, low, high, frame, bars=1,
          cross=0.68 if rng.random() < 0.6 else 0.0)
    if style == 2 and rng.random() < 0.5:
        shutter = (0.12, 0.2, 0.14) if rng.random() < 0.5 else (0.25, 0.16, 0.1)
        for a, b in ((left - 0.16, left - 0.01), (right + 0.01, right + 0.16)):
            _rect(cell, a, b, low, high, shutter)
            for k in range(9):
                at = low + (high - low) * (k + 0.5) / 9
                _shade(cell, a + 0.02, b - 0.02, at, at + 0.02, 0.6)
    return cell


def _furnish_shop(cell: F32, rng: np.random.Generator) -> None:
    """Paint goods, posters and lit ceilings behind a shop window."""
    warm = float(rng.uniform(0.03, 0.16))
    for k in range(6):
        glow = warm * (0.35 + 0.13 * k)
        _rect(cell, 0.06, 0.48, 0.13 + 0.1 * k, 0.23 + 0.1 * k, (glow, glow * 0.9, glow * 0.72),
              glass=0.85)
        _rect(cell, 0.52, 0.94, 0.13 + 0.1 * k, 0.23 + 0.1 * k, (glow, glow * 0.88, glow * 0.7),
              glass=0.85)
    for _ in range(14):
        x, y = float(rng.uniform(0.08, 0.84)), float(rng.uniform(0.13, 0.3))
        dim = rng.uniform(0.01, 0.2) * (0.6 + 0.4 * rng.random(3))
        color = (float(dim[0]), float(dim[1]), float(dim[2]))
        wide = float(rng.uniform(0.03, 0.1))
        _rect(cell, x, x + wide, 0.13, y, color, glass=0.7)
        if rng.random() < 0.4:
            _rect(cell, x + wide * 0.3, x + wide * 0.7, y, y + 0.05, color, glass=0.7)
    for _ in range(int(rng.integers(0, 4))):
        x, y = float(rng.uniform(0.08, 0.75)), float(rng.uniform(0.25, 0.45))
        paper = rng.uniform(0.1, 0.5, 3)
        _rect(cell, x, x + 0.13, y, y + 0.2, (float(paper[0]), float(paper[1]), float(paper[2])),
              glass=0.25)
        _rect(cell, x + 0.02, x + 0.11, y + 0.12, y + 0.17, (0.05, 0.05, 0.06), glass=0.25)


def _draw_ground(rng: np.random.Generator, style: int, kind: int) -> F32:
    """Draw one bay at street level: window, door, shop, gate or shop again."""
    cell = _blank()
    _shade(cell, 0, 1, 0.93, 0.96, 0.7)
    plinth = 0.16
    if kind == 0:
        cell = _draw_window(rng, min(style, 2))
    elif kind == 1:
        tone = float(rng.uniform(0.03, 0.12))
        wood = (tone * 1.5, tone, tone * 0.6) if rng.random() < 0.6 else (tone, tone * 1.3, tone)
        _rect(cell, 0.3, 0.7, 0.0, 0.8, (0.3, 0.29, 0.27))
        _rect(cell, 0.34, 0.66, 0.02, 0.62, wood)
        for a in (0.37, 0.52):
            _shade(cell, a, a + 0.11, 0.06, 0.3, 0.7)
            _shade(cell, a, a + 0.11, 0.34, 0.58, 0.75)
        _pane(cell, rng, 0.34, 0.66, 0.64, 0.78, wood, bars=1)
    elif kind in (2, 4):
        tone = rng.uniform(0.03, 0.4) * (0.35 + 0.65 * rng.random(3))
        board = (float(tone[0]), float(tone[1]), float(tone[2]))
        _pane(cell, rng, 0.03, 0.97, 0.1, 0.74, (0.08, 0.08, 0.09), bars=1)
        _furnish_shop(cell, rng)
        _rect(cell, 0.0, 1.0, 0.78, 0.93, board)
        for x in np.arange(0.15, 0.8, 0.09):
            if rng.random() < 0.75:
                bright = float(rng.uniform(0.5, 0.8))
                _rect(cell, float(x), float(x) + 0.055, 0.82, 0.89, (bright, bright, bright))
        _shade(cell, 0, 1, 0.7, 0.74, 0.4)
    else:
        tone = float(rng.uniform(0.08, 0.25))
        _rect(cell, 0.12, 0.88, 0.0, 0.72, (tone, tone, tone * 0.95))
        for y in np.arange(0.04, 0.7, 0.06):
            _shade(cell, 0.12, 0.88, float(y), float(y) + 0.015, 0.7)
        _shade(cell, 0.12, 0.88, 0.66, 0.72, 0.4)
    _shade(cell, 0, 1, 0.0, plinth, 0.72)
    return cell
