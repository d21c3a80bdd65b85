# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The memory allocator that training on a CPU runs with, where it is installed.

Each step takes and gives back the same maps of some hundred megabytes. glibc returns such memory
to the kernel, which hands it out page by page again, zeroed; what that costs is in
docs/ablations.md. jemalloc keeps it, in huge pages, with these settings; with its own defaults it
is slower than glibc. It must be there when the process starts, hence not an import:
`env $(python -m hybrid_training.allocator) hybrid-training train ...`, as `make train` does.
"""

from __future__ import annotations

import ctypes.util

SETTINGS = 'dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always,metadata_thp:auto'
"""jemalloc's: nothing is given back, huge pages wherever they fit (its manual, "TUNING")."""


def allocator_environment() -> dict[str, str]:
    """Return the variables of a process that is to run with jemalloc; none without it."""
    library = ctypes.util.find_library('jemalloc')
    return {'LD_PRELOAD': library, 'MALLOC_CONF': SETTINGS} if library else {}


if __name__ == '__main__':
    print(' '.join(f'{name}={value}' for name, value in allocator_environment().items()))
