# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The lock between processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hybrid_perception.engine.lock import locked
from hybrid_perception.exceptions import EngineError

RACE = """
import sys, time
from pathlib import Path
from hybrid_perception.engine.lock import locked

made = Path(sys.argv[1]) / 'made'
with locked(Path(sys.argv[1]) / 'lock', lambda: None):
    if not made.exists():
        time.sleep(0.5)
        made.write_text('x')
        print('built')
"""
HOLD = """
import sys, time
from pathlib import Path
from hybrid_perception.engine.lock import locked

with locked(Path(sys.argv[1]), lambda: None):
    print('held', flush=True)
    time.sleep(60)
"""


def test_of_processes_that_race_one_builds(tmp_path):
    racers = [subprocess.Popen([sys.executable, '-c', RACE, str(tmp_path)],
                               stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [racer.communicate(timeout=60)[0] for racer in racers]
    assert sorted(said) == ['', '', 'built\n']
    assert [racer.returncode for racer in racers] == [0, 0, 0]


def test_a_dead_process_frees_its_lock(tmp_path):
    path = tmp_path / 'lock'
    with subprocess.Popen([sys.executable, '-c', HOLD, str(path)],
                          stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == 'held\n'
        waited = []

        def kill_then_wait():
            waited.append(1)
            holder.kill()

        with locked(path, kill_then_wait):
            assert waited


def test_waiting_can_be_given_up(tmp_path):
    class GivenUpError(Exception):
        pass

    def give_up():
        raise GivenUpError

    with locked(tmp_path / 'lock', give_up), pytest.raises(GivenUpError), \
            locked(tmp_path / 'lock', give_up):
        pass
    with locked(tmp_path / 'lock', give_up):
        pass


def test_a_place_without_room_for_a_lock_is_named(tmp_path):
    with pytest.raises(EngineError, match='missing/lock cannot be created'), \
            locked(tmp_path / 'missing' / 'lock', lambda: None):
        pass
