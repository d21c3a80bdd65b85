# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How many processor cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA_V2 = Path('/sys/fs/cgroup/cpu.max')
_QUOTA_V1 = Path('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')
_PERIOD_V1 = Path('/sys/fs/cgroup/cpu/cpu.cfs_period_us')


def usable_cores() -> int:
    """Count the cores that affinity and the container's quota leave to this process.

    Returns:
        At least 1. A quota of 1.5 cores gives 1: more threads would be stopped in turn.
    """
    if hasattr(os, 'sched_getaffinity'):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, min(allowed, math.floor(_quota())))


def _quota() -> float:
    """Read the CPU quota of the control group in cores; the largest number where there is none."""
    for quota_and_period in (_read(_QUOTA_V2), _read(_QUOTA_V1) + _read(_PERIOD_V1)):
        if len(quota_and_period) == 2 and quota_and_period[0].isdigit():
            return max(1.0, int(quota_and_period[0]) / int(quota_and_period[1]))
    return float(2**31)


def _read(path: Path) -> list[str]:
    try:
        return path.read_text(encoding='ascii').split()
    except (OSError, UnicodeDecodeError):
        return []
