# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is read off calls that were timed by turns: a ratio is the median within the rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.interleaved import take_turns

__all__ = ['Call', 'Seconds', 'milliseconds', 'noise', 'ratio', 'take_turns']

Call = Callable[[], object]
Seconds = Mapping[str, NDArray[np.float64]]


def ratio(seconds: Seconds, name: str, base: str) -> float:
    """Return the median over the rounds of one call's time by another's."""
    return float(np.median(seconds[name] / seconds[base]))


def milliseconds(values: NDArray[np.float64]) -> tuple[str, str]:
    """Return median and 99th percentile as text, ms."""
    median, p99 = 1000 * np.percentile(values, (50, 99))
    return f'{median:.1f}', f'{p99:.1f}'


def noise(shape: tuple[int, ...]) -> NDArray[Any]:
    """Make a uint8 image of noise; the time of a convolution does not depend on the picture."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
