# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Paint the pictures of road signs."""

from __future__ import annotations

import numpy as np

from .noise import F32


def paint_sign(local: F32, facing: F32) -> F32:
    """Return the colour (N, 3) of signs: ban, limit, give way, priority, stop, crossing.

    Args:
        local: (N, 3) right and up in radii of the sign, and the number of its kind.
        facing: (N,) z of the normal; the back of a sign is grey.
    """
    x, y = local[:, 0], local[:, 1]
    kind = np.round(local[:, 2]).astype(np.int64) % 6
    r = np.sqrt(x * x + y * y)
    white, red, blue, yellow, black = (np.array(c, np.float32) for c in (
        (0.62, 0.62, 0.60), (0.42, 0.015, 0.02), (0.015, 0.07, 0.30), (0.6, 0.38, 0.01),
        (0.02, 0.02, 0.02)))
    color = np.tile(white, (x.size, 1))
    color[(kind == 0) & (r < 0.95)] = blue
    color[(kind == 0) & ((r > 0.78) | (np.abs(x - y) < 0.13))] = red
    color[(kind == 1) & (r > 0.74)] = red
    digits = (kind == 1) & (np.abs(y) < 0.32) & (np.abs(np.abs(x) - 0.25) < 0.18)
    hole = (np.abs(y) < 0.16) & (np.abs(np.abs(x) - 0.25) < 0.07)
    color[digits & ~hole] = black
    rim = np.minimum.reduce([0.65 - y, 0.65 + 0.5 * y - 0.866 * x, 0.65 + 0.5 * y + 0.866 * x])
    color[(kind == 2) & (rim < 0.2)] = red
    inner = np.maximum(np.abs(x), np.abs(y))
    diamond = np.abs(x) + np.abs(y)
    color[(kind == 3) & (diamond < 1.02)] = yellow
    color[(kind == 4)] = red
    word = (kind == 4) & (np.abs(y) < 0.26) & (np.abs(x) < 0.68) & (np.mod(x * 3 + 0.1, 1) > 0.3)
    color[word] = white
    color[(kind == 5)] = blue
    color[(kind == 5) & (inner > 1.12)] = white
    triangle = (y > -0.62) & (y < 0.7) & (np.abs(x) * 1.25 < (0.7 - y))
    color[(kind == 5) & triangle] = white
    color[(kind == 5) & triangle & (np.abs(x) < 0.14) & (y < 0.2)] = black
    color[facing > 0.3] = np.array([0.2, 0.2, 0.2], np.float32)
    return color
