# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Timing by turns: every call once per round, in random order.

Other load on the machine then hits all of them alike, and a ratio is the median of the ratios
within a round. A fixed order would flatter whatever runs after itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import random
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

Call = Callable[[], object]
Seconds = Mapping[str, NDArray[np.float64]]


def take_turns(calls: Mapping[str, Call], rounds: int, *, seed: int = 0) -> Seconds:
    """Time every call once per round; return (rounds,) seconds by name.

    Each is called once before, untimed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    order, shuffler = list(calls), random.Random(seed)
    for call in calls.values():
        call()
    for _ in range(rounds):
        shuffler.shuffle(order)
        for name in order:
            start = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


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
