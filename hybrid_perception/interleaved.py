# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Timing by turns: every call once per round, in random order.

Other load on the machine then hits all of them alike; a fixed order would flatter whatever runs
after itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import random
import time

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError


def take_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, *, seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, NDArray[np.float64]]:
    """Call each once per round, in random order, after one call of each that is not counted.

    Args:
        calls: what to time, by name.
        rounds: how often each is timed.
        seed: of the orders.
        clock: tells seconds; `time.process_time` for those of the processor.

    Returns:
        (rounds,) seconds by name; compare them within a round, by ratio.

    Raises:
        ParameterError: no round.
    """
    if rounds < 1:
        raise ParameterError(f'rounds is {rounds}; it must be 1 or more')
    order = list(calls)
    for name in order:
        calls[name]()
    shuffle = random.Random(seed).shuffle
    seconds: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            start = clock()
            calls[name]()
            seconds[name].append(clock() - start)
    return {name: np.array(seconds[name]) for name in calls}
