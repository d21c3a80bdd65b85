# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Percentages by hand, and the way to stop."""

from __future__ import annotations

import sys
import threading

import pytest

from hybrid_perception.engine.progress import BuildProgress


@pytest.fixture
def told():
    return []


@pytest.fixture
def progress(told):
    return BuildProgress(told.append, threading.Event())


def test_inner_phases_count_within_a_step_of_the_outer_one(progress, told):
    progress.start('build', None, 4)
    assert progress.step('build', 0)
    progress.start('timing', 'build', 10)
    for step in range(5):
        progress.step('timing', step)
    progress.start('kernel', 'timing', 2)
    progress.step('kernel', 0)
    assert told == [0, 25, 27, 30, 32, 35, 37, 38]
    progress.finish('kernel')
    progress.finish('timing')
    progress.step('build', 1)
    progress.step('build', 3)
    progress.finish('build')
    assert told[8:] == [40, 50, 100]


def test_it_never_falls_and_takes_what_it_does_not_know(progress, told):
    progress.step('unknown', 3)
    progress.finish('unknown')
    progress.start('first', '', 1)
    progress.finish('first')
    progress.start('second', 'first', 0)
    progress.step('second', 7)
    assert told == [0, 100]


def test_stop_ends_the_build_and_is_not_taken_for_progress(told):
    stop = threading.Event()
    progress = BuildProgress(told.append, stop)
    progress.start('build', None, 2)
    stop.set()
    assert not progress.step('build', 0)
    progress.finish('build')
    assert told == [0]


def test_threads_of_the_builder_may_report_at_a_time(told):
    stop, problems = threading.Event(), []
    progress = BuildProgress(told.append, stop)
    progress.start('build', None, 1000)

    def work(thread: int) -> None:
        try:
            for count in range(2000):
                name = f'{thread}-{count % 50}'
                progress.start(name, 'build', 3)
                progress.step(name, 0)
                progress.finish(name)
        except Exception as error:
            problems.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert problems == []
    assert told == sorted(told)
