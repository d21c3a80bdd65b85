# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""LatestSlot: newest wins, nobody waits for ever."""

from __future__ import annotations

import threading
import time

import pytest

from hybrid_perception.latest import LatestSlot


def test_the_newest_item_wins_and_drops_are_counted():
    slot: LatestSlot[int] = LatestSlot()
    assert slot.put(1) is None
    assert slot.put(2) == 1
    assert slot.put(3) == 2
    assert slot.dropped == 2
    assert slot.get(0) == 3
    assert slot.get(0) is None
    assert slot.put(4) is None
    assert slot.dropped == 2


def test_get_gives_up_after_its_timeout():
    began = time.monotonic()
    assert LatestSlot().get(0.05) is None
    assert 0.04 < time.monotonic() - began < 5


def test_get_wakes_for_an_item():
    slot: LatestSlot[str] = LatestSlot()
    threading.Timer(0.05, slot.put, ['frame']).start()
    assert slot.get(10) == 'frame'


def test_close_wakes_every_reader():
    slot: LatestSlot[str] = LatestSlot()
    answers: list[str | None] = []
    readers = [threading.Thread(target=lambda: answers.append(slot.get())) for _ in range(3)]
    for reader in readers:
        reader.start()
    slot.close()
    for reader in readers:
        reader.join(10)
        assert not reader.is_alive()
    assert answers == [None, None, None]


def test_a_closed_slot_takes_and_gives_nothing():
    slot: LatestSlot[str] = LatestSlot()
    slot.put('old')
    assert slot.close() == 'old', 'whoever closes it can account for the item'
    assert slot.close() is None
    assert slot.closed
    assert slot.get(0) is None
    assert slot.put('new') == 'new'
    assert slot.get() is None


def test_clear_takes_the_item_back_uncounted():
    slot: LatestSlot[str] = LatestSlot()
    slot.put('frame')
    assert slot.clear() == 'frame'
    assert slot.clear() is None
    assert slot.get(0) is None
    assert slot.dropped == 0


@pytest.mark.parametrize('count', [2000])
def test_every_item_is_either_taken_or_dropped(count):
    slot: LatestSlot[int] = LatestSlot()
    taken: list[int] = []

    def consume() -> None:
        while (item := slot.get(10)) is not None:
            taken.append(item)
            if item == count:
                return

    consumer = threading.Thread(target=consume)
    consumer.start()
    for item in range(1, count + 1):
        slot.put(item)
    consumer.join(20)
    assert taken == sorted(taken)
    assert taken[-1] == count
    assert len(taken) + slot.dropped == count


def test_wait_leaves_the_item_for_a_newer_one():
    slot: LatestSlot[int] = LatestSlot()
    assert not slot.wait(0.01)
    slot.put(1)
    assert slot.wait(0)
    slot.put(2)
    assert slot.wait(0)
    assert slot.get(0) == 2
    slot.close()
    assert not slot.wait(10)
