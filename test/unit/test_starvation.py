# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting is not taken for starving."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys
import time

import pytest
from starvation import Starvation, prompt_seconds

BUSY = 'import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass'


def test_a_process_that_sleeps_is_not_starved():
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1.5)'])
    time.sleep(0.7)   # Python has started
    starvation, begun = Starvation(child.pid), time.monotonic()
    child.wait()
    assert prompt_seconds(begun, starvation) > 0.3


@pytest.mark.skipif(not Path('/proc/self/schedstat').is_file(), reason='no schedstat here')
def test_two_processes_on_one_core_starve_each_other():
    core = {min(os.sched_getaffinity(0))}
    children = [subprocess.Popen(
        [sys.executable, '-c', f'import os; os.sched_setaffinity(0, {core}); {BUSY}'])
        for _ in range(2)]
    starvation = Starvation(children[0].pid)
    for child in children:
        child.wait()
    assert starvation.seconds() > 0.3
