# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""SharedBackends: loaded once, freed with the last user, renewed after a failure."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import threading
import time

import numpy as np
import pytest

from hybrid_perception.backends.shared import SharedBackends
from hybrid_perception.exceptions import EngineError

IMAGE = np.zeros((1, 4, 8, 3), np.uint8)


class Recorder:
    """A backend that notes what is done to it."""

    name, detail = 'recorder', 'for tests'

    def __init__(self, concurrent_calls: int = 1) -> None:
        self.concurrent_calls = concurrent_calls
        self.closed = 0
        self.broken = False
        self.inside = self.most_inside = 0

    def infer(self, _image):
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        time.sleep(0.001)
        self.inside -= 1
        if self.broken:
            raise EngineError('fell off')
        return np.zeros((4, 8), np.uint8), np.zeros((4, 8), np.float32)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def loads() -> list[Recorder]:
    return []


@pytest.fixture
def load(loads):
    def make() -> Recorder:
        loads.append(Recorder())
        return loads[-1]

    return make


def test_one_key_is_loaded_once_and_another_by_itself(loads, load):
    shared = SharedBackends()
    first, second = shared.open('a', load), shared.open('a', load)
    other = shared.open('b', load)
    assert len(loads) == 2
    assert (first.name, first.detail) == ('recorder', 'for tests')
    first.close()
    first.close()  # allowed, and no second give-back
    assert loads[0].closed == 0
    second.infer(IMAGE)
    second.close()
    assert [backend.closed for backend in loads] == [1, 0]
    other.close()
    assert loads[1].closed == 1


def test_a_freed_backend_is_loaded_again(loads, load):
    shared = SharedBackends()
    shared.open('a', load).close()
    shared.open('a', load).infer(IMAGE)
    assert len(loads) == 2


def test_a_closed_lease_says_so(load):
    lease = SharedBackends().open('a', load)
    lease.close()
    with pytest.raises(EngineError, match='was closed'):
        lease.infer(IMAGE)


def test_what_failed_is_handed_to_nobody_new_and_closed_by_its_last_user(loads, load):
    shared = SharedBackends()
    first, second = shared.open('a', load), shared.open('a', load)
    loads[0].broken = True
    with pytest.raises(EngineError, match='fell off'):
        first.infer(IMAGE)
    first.close()
    renewed = shared.open('a', load)
    renewed.infer(IMAGE)
    assert len(loads) == 2
    assert loads[0].closed == 0
    second.close()
    assert loads[0].closed == 1
    # The old one's end does not take the new one along.
    assert shared.open('a', load) is not renewed
    assert len(loads) == 2


def test_failed_loading_leaves_nothing_behind(load):
    shared = SharedBackends()

    def fail():
        raise EngineError('no engine')

    with pytest.raises(EngineError, match='no engine'):
        shared.open('a', fail)
    shared.open('a', load).infer(IMAGE)


class Meeting(Recorder):
    """Takes two threads at a time, and lets none out before both are in."""

    def __init__(self) -> None:
        super().__init__(concurrent_calls=2)
        self._both = threading.Barrier(2, timeout=60)

    def infer(self, image):
        self._both.wait()
        return super().infer(image)


def run_in_threads(leases, frames: int) -> None:
    def run(lease) -> None:
        for _ in range(frames):
            lease.infer(IMAGE)

    with ThreadPoolExecutor(len(leases)) as pool:
        list(pool.map(run, leases))


def test_one_thread_at_a_time(loads, load):
    shared = SharedBackends()
    run_in_threads([shared.open('a', load) for _ in range(4)], frames=10)
    assert loads[0].most_inside == 1


def test_as_many_threads_at_a_time_as_the_backend_takes():
    shared, backend = SharedBackends(), Meeting()
    leases = [shared.open('a', lambda: backend) for _ in range(4)]
    assert leases[0].concurrent_calls == 2
    run_in_threads(leases, frames=10)  # a lock for one would break the barrier
    assert backend.most_inside <= 2
    for lease in leases:
        lease.close()
    assert backend.closed == 1
