# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What glibc does with freed memory of image size."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt's parameters, malloc.h."""

_LARGEST_MMAP_THRESHOLD = 32 << 20
KEPT = 64 << 20
"""Bytes of freed memory that a heap keeps."""


def keep_freed_memory() -> bool:
    """Let this process keep freed memory for the next frame instead of giving it back.

    rclpy allocates several blocks of image size for every message that it takes or publishes. As
    glibc comes, they are unmapped each time, and the next frame pays a page fault for every 4 KiB:
    a quarter of the processor time of the node without its engine. Once settled, a process needs
    them all the time anyway.

    Returns:
        Whether it was set; not where the user has set one of glibc's variables, nor elsewhere than
        on glibc.

    Source: mallopt(3).
    """
    if any(name.startswith('MALLOC_') for name in os.environ) or 'GLIBC_TUNABLES' in os.environ:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):   # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
                and mallopt(_TRIM_THRESHOLD, KEPT))
