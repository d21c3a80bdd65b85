# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Fill triangles into a depth buffer, all at once, without a loop over triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Spans:
    """Hold the runs of pixels that triangles cover, one run per triangle and row."""

    triangle: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    near: F64
    slope: F64


def _expand(count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each of sum(count) items its owner and its place within the owner's run."""
    owner = np.repeat(np.arange(count.size), count)
    first = np.cumsum(count) - count
    return owner, np.arange(owner.size) - first[owner]


def plane_gradients(xyw: F64) -> tuple[F64, F64, F64]:
    """Return w = a x + b y + c of each triangle (T, 3, 3) whose columns are x, y, w."""
    x, y, w = xyw[..., 0], xyw[..., 1], xyw[..., 2]
    x1, y1, w1 = x[:, 1] - x[:, 0], y[:, 1] - y[:, 0], w[:, 1] - w[:, 0]
    x2, y2, w2 = x[:, 2] - x[:, 0], y[:, 2] - y[:, 0], w[:, 2] - w[:, 0]
    area = x1 * y2 - x2 * y1
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    a = (w1 * y2 - w2 * y1) / area
    b = (x1 * w2 - x2 * w1) / area
    return a, b, w[:, 0] - a * x[:, 0] - b * y[:, 0]


def find_spans(xyw: F64, width: int, height: int) -> Spans:
    """Cut triangles (T, 3, 3) of x, y in pixels and nearness w into rows of pixels."""
    order = np.argsort(xyw[..., 1], axis=1, kind='stable')
    s = np.take_along_axis(xyw, order[..., None], axis=1)
    top, mid, low = s[:, 0], s[:, 1], s[:, 2]
    first = np.clip(np.ceil(top[:, 1] - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(low[:, 1] - 0.5), 0, height).astype(np.int64)
    owner, place = _expand(np.maximum(last - first, 0))
    row = first[owner] + place
    y = row + 0.5
    t, m, b = top[owner], mid[owner], low[owner]
    x_long = t[:, 0] + (b[:, 0] - t[:, 0]) * (y - t[:, 1]) / np.maximum(b[:, 1] - t[:, 1], 1e-12)
    upper = y < m[:, 1]
    p, q = np.where(upper[:, None], t, m), np.where(upper[:, None], m, b)
    x_short = p[:, 0] + (q[:, 0] - p[:, 0]) * (y - p[:, 1]) / np.maximum(q[:, 1] - p[:, 1], 1e-12)
    left = np.clip(np.ceil(np.minimum(x_long, x_short) - 0.5), 0, width).astype(np.int64)
    right = np.clip(np.ceil(np.maximum(x_long, x_short) - 0.5), 0, width).astype(np.int64)
    keep = right > left
    owner, row, left, right = owner[keep], row[keep], left[keep], right[keep]
    ga, gb, gc = plane_gradients(xyw)
    near = ga[owner] * (left + 0.5) + gb[owner] * (row + 0.5) + gc[owner]
    return Spans(owner, row * width + left, right - left, near, ga[owner])


def rasterize(xyw: F64, nearness: F32, index: I32 | None = None) -> None:
    """Draw triangles into `nearness` (H, W), the larger wins, and their numbers into `index`.

    Args:
        xyw: (T, 3, 3) x and y in pixels, and a nearness that is linear over the picture: 1/depth
            for a perspective camera, -depth for a parallel one.
        nearness: (H, W) contiguous depth buffer, changed in place.
        index: (H, W) triangle numbers, changed in place where a triangle wins.
    """
    if xyw.shape[0] == 0:
        return
    height, width = nearness.shape
    spans = find_spans(xyw, width, height)
    owner, place = _expand(spans.length)
    pixel = spans.start[owner] + place
    value = (spans.near[owner] + spans.slope[owner] * place).astype(np.float32)
    depth = nearness.reshape(-1)
    ahead = value > depth[pixel]
    pixel, value, owner = pixel[ahead], value[ahead], owner[ahead]
    np.maximum.at(depth, pixel, value)
    if index is not None:
        wins = value == depth[pixel]
        index.reshape(-1)[pixel[wins]] = spans.triangle[owner[wins]].astype(np.int32)
