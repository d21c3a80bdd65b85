# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A lock between processes, so that two cameras build one engine once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import time

from hybrid_perception.exceptions import EngineError

POLL = 0.1
"""Seconds between two looks whether the lock is free."""


@contextmanager
def locked(path: Path, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file, which is created where it is missing and stays.

    The kernel frees the lock of a process that dies, so there is nothing to clean up by hand.

    Args:
        path: The file.
        while_waiting: Called every 100 ms while another process holds it; may raise to give up.

    Raises:
        EngineError: The file cannot be created.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EngineError(
            f'{path} cannot be created ({error.strerror}); an engine can only be built into a '
            'directory that is writable: choose one by engine_cache_dir or --cache-dir'
        ) from error
    try:
        while not _try_lock(descriptor):
            while_waiting()
            time.sleep(POLL)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
