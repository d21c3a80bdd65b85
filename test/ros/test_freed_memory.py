# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Memory of image size that serves frame after frame, in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path
import platform
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[2]

FRAMES = """
import resource
from hybrid_perception.ros.freed_memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        frame = [bytes([1]) * (6 << 20) for _ in range(3)]
        del frame
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
print(keep_freed_memory())
faults()
print(before, faults())
"""


def run(**variables: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith('MALLOC_') and name != 'GLIBC_TUNABLES'}
    return subprocess.run(
        [sys.executable, '-c', FRAMES], check=True, capture_output=True, text=True,
        env={**kept, 'PYTHONPATH': str(ROOT), **variables}).stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='another C library')
def test_frames_no_longer_cost_page_faults():
    done, before, after = run()
    assert done == 'True'
    assert int(after) < 0.1 * int(before)


@pytest.mark.parametrize('variables', [
    {'MALLOC_TRIM_THRESHOLD_': '1000000'}, {'GLIBC_TUNABLES': 'glibc.malloc.arena_max=2'}])
def test_what_the_user_set_stays(variables):
    assert run(**variables)[0] == 'False'
