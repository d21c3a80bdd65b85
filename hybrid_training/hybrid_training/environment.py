# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a run was started with: command, code, packages, machine."""

from __future__ import annotations

import datetime
from importlib import metadata
import os
from pathlib import Path
import platform
import shlex
import subprocess
import sys
from typing import Any

import torch

_PACKAGES = ('hybrid_training', 'torch', 'torchvision', 'timm', 'numpy', 'opencv-python-headless',
             'opencv-python')


def start_facts(*, step: int, seed: int, device: torch.device) -> dict[str, Any]:
    """Return plain values that say with what a run starts or goes on from `step`."""
    return {
        'time': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
        'step': step, 'seed': seed, 'command': shlex.join(sys.orig_argv),
        'git': git_state(Path(__file__).parent), 'packages': package_versions(),
        'python': platform.python_version(), 'system': platform.platform(),
        'device': str(device), 'gpu': _gpu(device), 'cpu': _cpu(),
        'cores': os.cpu_count(), 'threads': torch.get_num_threads(),
    }


def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages that decide a result."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and whether files differ from it; None where this is no checkout of git."""
    try:
        tracked = _git(folder, 'ls-files', '--error-unmatch', '.')
        if not tracked:  # a folder inside someone's checkout, such as an environment, is not ours
            return None
        return {'commit': _git(folder, 'rev-parse', 'HEAD'),
                'dirty': bool(_git(folder, 'status', '--porcelain', '--untracked-files=no'))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ['git', *arguments], cwd=folder, capture_output=True, text=True, check=True,
        timeout=10).stdout.strip()


def _gpu(device: torch.device) -> dict[str, Any] | None:
    if device.type != 'cuda':
        return None
    return {'name': torch.cuda.get_device_name(device), 'cuda': torch.version.cuda,
            'cudnn': torch.backends.cudnn.version()}


def _cpu() -> str:
    try:
        for line in Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
