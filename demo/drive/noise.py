# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Tileable noise and mip-mapped textures, made of nothing but a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def generator(seed: int, *path: int) -> np.random.Generator:
    """Return the project's one kind of random stream, told apart by integers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *path])))


def lattice_noise(rng: np.random.Generator, size: int, cells: int) -> F32:
    """Return one octave (size, size) of periodic value noise in 0..1 with `cells` bumps."""
    grid = rng.random((cells, cells)).astype(np.float32)
    at = (np.arange(size, dtype=np.float32) + 0.5) * (cells / size)
    i = np.floor(at).astype(np.int64)
    f = at - i
    f = f * f * (3.0 - 2.0 * f)
    lo, hi = i % cells, (i + 1) % cells
    rows = grid[lo] * (1 - f)[:, None] + grid[hi] * f[:, None]
    return rows[:, lo] * (1 - f) + rows[:, hi] * f


def fractal_noise(rng: np.random.Generator, size: int, cells: int, octaves: int,
                  gain: float = 0.5) -> F32:
    """Return a sum of octaves (size, size), periodic, stretched to 0..1."""
    total = np.zeros((size, size), np.float32)
    weight = 1.0
    for _ in range(octaves):
        if cells > size:
            break
        total += np.float32(weight) * lattice_noise(rng, size, cells)
        weight *= gain
        cells *= 2
    low, high = total.min(), total.max()
    return (total - low) / (high - low)


@dataclass(frozen=True)
class Texture:
    """Hold a periodic square texture with its smaller copies in one flat array.

    Attributes:
        texels: (N, C) float32, level after level.
        first: (L,) where each level starts.
        side: (L,) side of each level in texels.
        period: metres (or other units) that the texture spans.
    """

    texels: F32
    first: NDArray[np.int64]
    side: NDArray[np.int64]
    period: float

    @classmethod
    def build(cls, picture: F32, period: float) -> Texture:
        """Make the levels of a picture (S, S) or (S, S, C), S a power of two."""
        level = picture[..., None] if picture.ndim == 2 else picture
        levels, sides = [], []
        while True:
            sides.append(level.shape[0])
            levels.append(level.reshape(-1, level.shape[2]))
            if level.shape[0] == 1:
                break
            level = (level[::2, ::2] + level[1::2, ::2] + level[::2, 1::2] +
                     level[1::2, 1::2]) * np.float32(0.25)
        count = np.array([s * s for s in sides])
        return cls(np.concatenate(levels).astype(np.float32), np.cumsum(count) - count,
                   np.array(sides), period)

    def sample(self, u: F32, v: F32, footprint: F32 | float) -> F32:
        """Return texels (N, C) at places (N,) in metres, smoothed over `footprint` metres."""
        top = len(self.side) - 1
        ratio = np.maximum(np.asarray(footprint, np.float32) * (self.side[0] / self.period), 1.0)
        level = np.minimum(np.log2(ratio).astype(np.int64), top)
        side = self.side[level]
        scale = side / np.float32(self.period)
        i = np.floor(v * scale).astype(np.int64) & (side - 1)
        j = np.floor(u * scale).astype(np.int64) & (side - 1)
        return self.texels[self.first[level] + i * side + j]

    def value(self, u: F32, v: F32, footprint: F32 | float) -> F32:
        """Return the first channel (N,) at places (N,)."""
        return self.sample(u, v, footprint)[:, 0]


def hashed(*numbers: NDArray[np.generic]) -> F32:
    """Return a number in 0..1 for each tuple of whole numbers, without any pattern."""
    state = np.uint64(0x9E3779B97F4A7C15)
    total = np.zeros(np.broadcast(*numbers).shape, np.uint64)
    with np.errstate(over='ignore'):
        for number in numbers:
            total = (total ^ np.asarray(number).astype(np.int64).astype(np.uint64)) * state
            total ^= total >> np.uint64(29)
            total *= np.uint64(0xBF58476D1CE4E5B9)
            total ^= total >> np.uint64(32)
    return (total >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


def smoothstep(low: float, high: float, x: F32) -> F32:
    """Return 0 below `low`, 1 above `high`, and a smooth way between."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return t * t * (np.float32(3.0) - np.float32(2.0) * t)
