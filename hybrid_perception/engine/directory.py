# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where engines are kept. A plan is code that runs in the node, so the place must be private."""

from __future__ import annotations

import os
from pathlib import Path
import stat

from hybrid_perception.exceptions import EngineError
from hybrid_perception.files import write_whole

VARIABLE = 'HYBRID_PERCEPTION_CACHE'


def cache_directory(given: str | os.PathLike[str] = '') -> Path:
    """Choose the directory: the one given, else of the environment, else the user's cache.

    Args:
        given: A parameter; empty where the user did not choose.
    """
    if os.fspath(given):
        return Path(given).expanduser()
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE]).expanduser()
    # XDG base directory specification: a relative path is to be ignored.
    base = Path(os.environ.get('XDG_CACHE_HOME', ''))
    return (base if base.is_absolute() else Path('~/.cache').expanduser()) / 'hybrid_perception'


def make_private(directory: Path) -> None:
    """Create a directory that nobody else can enter; one that exists must not be writable by all.

    Raises:
        EngineError: It cannot be created, belongs to someone else, or others may write to it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = directory.stat()
    except OSError as error:
        raise EngineError(
            f'the engine cache {directory} cannot be created ({error.strerror}); {_WHERE}'
        ) from error
    if info.st_uid not in (os.getuid(), 0):
        raise EngineError(
            f'the engine cache {directory} belongs to user {info.st_uid}; an engine is code, so '
            f'it must belong to you or to root; {_WHERE}'
        )
    if stat.S_IMODE(info.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        raise EngineError(
            f'the engine cache {directory} can be written to by others; an engine is code: '
            f'chmod go-w {directory}'
        )


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, also when the power fails.

    Raises:
        EngineError: The directory is read-only or full.
    """
    try:
        write_whole(path, content, private=True)
    except OSError as error:
        raise EngineError(f'{path} cannot be written ({error.strerror}); {_WHERE}') from error


_WHERE = (
    f'choose another directory by the parameter engine_cache_dir, by --cache-dir or by {VARIABLE}'
)
