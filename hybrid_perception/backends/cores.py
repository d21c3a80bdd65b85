# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How many processor cores this process may use."""

from __future__ import annotations

from collections.abc import Iterator
import math
import os
from pathlib import Path

from hybrid_perception.exceptions import ParameterError


def usable_cores(root: Path = Path('/')) -> int:
    """Count the cores that affinity and the control groups' quotas leave to this process.

    Two hardware threads of one core count once: convolutions gain nothing from the second, and the
    rest of the robot loses it.

    Args:
        root: Where /proc and /sys are; for tests.

    Returns:
        At least 1. A quota of 1.5 cores gives 1: more threads would be stopped in turn.

    Source: cgroups(7); Control Group v2, cpu.max; CFS bandwidth control (version 1).
    """
    if hasattr(os, 'sched_getaffinity'):
        allowed = os.sched_getaffinity(0)
    else:
        allowed = set(range(os.cpu_count() or 1))
    physical = len({_siblings(root, cpu) for cpu in allowed})
    return max(1, min([physical, *(math.floor(quota) for quota in _quotas(root))]))


def engine_threads(threads: int | None, calls: int) -> int:
    """Return the threads of a CPU engine: as many as asked for, or every usable core.

    Args:
        threads: Threads per frame, or None.
        calls: Calls at a time.

    Raises:
        ParameterError: Either is below 1.
    """
    for name, number in (('threads', threads), ('calls', calls)):
        if number is not None and number < 1:
            raise ParameterError(f'{name} is {number}; it must be 1 or more')
    return threads or usable_cores()


def _siblings(root: Path, cpu: int) -> str:
    """Name the core of a hardware thread; the thread itself where the kernel does not tell."""
    path = root / f'sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list'
    return ' '.join(_read(path)) or f'cpu{cpu}'


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quota, in cores, of each control group that this process is in."""
    for folder in _groups(root):
        quota = (_read(folder / 'cpu.max')
                 or _read(folder / 'cpu.cfs_quota_us') + _read(folder / 'cpu.cfs_period_us'))
        # 'max' and -1 say that there is no quota.
        if len(quota) == 2 and all(number.isdigit() and int(number) for number in quota):
            yield int(quota[0]) / int(quota[1])


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups and of those around them.

    In a container the path in /proc may be the host's and not exist; the mount is then the group.
    """
    for line in _read(root / 'proc/self/cgroup', separator='\n') or ['0::/']:
        _, _, rest = line.partition(':')
        controllers, _, path = rest.partition(':')
        if controllers and 'cpu' not in controllers.split(','):
            continue
        # Version 2 names no controllers; version 1 is mounted under theirs, often as a link.
        for mount in {controllers, 'cpu', 'cpu,cpuacct'} if controllers else {''}:
            top = root / 'sys/fs/cgroup' / mount
            group = top / path.lstrip('/')
            yield from (folder for folder in (group, *group.parents)
                        if folder == top or top in folder.parents)


def _read(path: Path, separator: str | None = None) -> list[str]:
    try:
        return path.read_text(encoding='ascii').strip().split(separator)
    except (OSError, UnicodeDecodeError):
        return []
