# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Buffers come back when the last view of them is gone, and not before."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from hybrid_perception.buffers import KEPT, SIZES, BufferPool


def address(array: np.ndarray) -> int:
    return array.__array_interface__['data'][0]


@pytest.mark.parametrize(('shape', 'dtype'), [
    ((4, 6), np.uint8), ((4, 6, 3), np.uint8), ((4, 6), np.float32), ((7,), np.float32)])
def test_arrays_are_as_asked_for(shape, dtype):
    array = BufferPool().take(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.writeable
    assert array.flags.c_contiguous
    array.fill(3)


def test_memory_is_used_again_once_nobody_holds_it():
    pool = BufferPool()
    first = pool.take((4, 6), np.float32)
    place = address(first)
    assert address(pool.take((4, 6), np.float32)) != place
    del first
    assert address(pool.take((4, 6), np.float32)) == place


@pytest.mark.parametrize('view_of', [
    lambda a: a[1:, ::2], lambda a: a.reshape(-1), lambda a: a.view(np.uint8)[2:],
    lambda a: a.T[:2][:1], memoryview, lambda a: np.asarray(memoryview(a)),
    lambda a: np.frombuffer(a, np.uint8)])
def test_any_view_keeps_it(view_of):
    pool = BufferPool()
    array = pool.take((4, 6), np.float32)
    array.fill(5)
    view, place = view_of(array), address(array)
    del array
    other = pool.take((4, 6), np.float32)
    assert address(other) != place
    other.fill(0)
    del view
    assert place in (address(pool.take((4, 6), np.float32)),)


def test_memory_of_sizes_that_are_no_longer_asked_for_is_given_up():
    pool = BufferPool()
    place = address(pool.take((4, 6), np.float32))
    kept = pool._free[4 * 24]
    for width in range(100, 100 + 2 * SIZES):
        pool.take((1, width), np.uint8)
        assert address(pool.take((4, 6), np.float32)) == place
    assert pool._free[4 * 24] is kept   # new memory often lies where the old one did
    assert len(pool._free) == SIZES
    assert {4 * 24, 100 + 2 * SIZES - 1} <= set(pool._free)
    assert 100 not in pool._free


def test_free_memory_is_bounded():
    pool = BufferPool()
    many = [pool.take((2, 2), np.uint8) for _ in range(3 * KEPT)]
    places = {address(array) for array in many}
    del many
    again = [pool.take((2, 2), np.uint8) for _ in range(KEPT)]
    assert {address(array) for array in again} <= places
    assert len(pool._free[4]) == 0


def test_results_may_end_in_another_thread():
    pool, wrong = BufferPool(), []

    def reader(array: np.ndarray, value: int) -> None:
        if not (array == value).all():
            wrong.append(value)

    threads = []
    for value in range(200):
        array = pool.take((64, 64), np.uint8)
        array.fill(value)
        threads.append(threading.Thread(target=reader, args=(array, value)))
        threads[-1].start()
        del array
    for thread in threads:
        thread.join()
    assert not wrong
