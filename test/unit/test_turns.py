# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Turns: one at a time, the longest wait first, nobody starved."""

from __future__ import annotations

import threading
import time

import pytest

from hybrid_perception.turns import Turns


def wait_until(condition, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_oldest_request_goes_first_whatever_the_order_of_asking():
    turns, served = Turns(), []

    def ask(since: float) -> None:
        with turns.take(since):
            served.append(since)

    with turns.take(0.0):
        threads = [threading.Thread(target=ask, args=(since,)) for since in (3.0, 1.0, 2.0)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(turns._waiting) == 3)
        assert not served
    for thread in threads:
        thread.join(20)
    assert served == [1.0, 2.0, 3.0]


def test_equal_waits_go_in_the_order_of_asking():
    turns, served = Turns(), []

    def ask(name: str) -> None:
        with turns.take(1.0):
            served.append(name)

    with turns.take(0.0):
        threads = []
        for number, name in enumerate('abc', start=1):
            threads.append(threading.Thread(target=ask, args=(name,)))
            threads[-1].start()
            wait_until(lambda number=number: len(turns._waiting) == number)
    for thread in threads:
        thread.join(20)
    assert served == ['a', 'b', 'c']


def test_a_busy_user_does_not_starve_the_others():
    turns, served = Turns(), {'busy': 0, 'slow': 0}
    stop = threading.Event()

    def use(name: str, pause: float) -> None:
        while not stop.is_set():
            since = time.monotonic()
            with turns.take(since):
                served[name] += 1
                time.sleep(0.002)
            time.sleep(pause)

    threads = [threading.Thread(target=use, args=given)
               for given in (('busy', 0.0), ('busy', 0.0), ('slow', 0.001))]
    for thread in threads:
        thread.start()
    wait_until(lambda: sum(served.values()) >= 60)
    stop.set()
    for thread in threads:
        thread.join(20)
    # Three users, one of whom pauses a little: a fair share is a third, none would be starvation.
    assert served['slow'] >= 0.2 * sum(served.values())


def test_an_error_gives_the_turn_on():
    turns = Turns()
    with pytest.raises(ValueError, match='inside'), turns.take(0.0):
        raise ValueError('inside')
    with turns.take(1.0):
        pass


def test_a_turn_whose_holder_hangs_can_be_passed_on_once():
    turns, served, release = Turns(), [], threading.Event()
    held = []

    def hang():
        with turns.take(0.0) as pass_on:
            held.append(pass_on)
            assert release.wait(20)

    def ask(since: float, after=None) -> None:
        with turns.take(since):
            served.append(since)
            if after is not None:
                assert after.wait(20)

    hung = threading.Thread(target=hang)
    hung.start()
    wait_until(lambda: held)
    second = threading.Event()
    others = [threading.Thread(target=ask, args=(1.0, second))]
    others[0].start()
    wait_until(lambda: turns._waiting)
    assert not served
    held[0]()
    wait_until(lambda: served == [1.0])
    others.append(threading.Thread(target=ask, args=(2.0,)))
    others[1].start()
    held[0]()        # not the turn of the one that has it now
    release.set()    # nor when the hung one returns
    hung.join(20)
    time.sleep(0.05)
    assert served == [1.0]
    second.set()
    for thread in others:
        thread.join(20)
    assert served == [1.0, 2.0]
