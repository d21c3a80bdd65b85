# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What whoever asks for an engine decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import threading


def say_nothing(_: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class EngineSettings:
    """Where a TensorRT engine comes from, and who is told how its build goes.

    Attributes:
        engine_path: A plan built elsewhere, used instead of the cache; empty for the cache.
        cache_dir: Directory of the cache; empty: see `directory.cache_directory`.
        must_keep: An engine that was built but cannot be stored is an error, not a warning.
        rebuild: Build anew even if the cache has the engine.
        report: Called with what is being done, in a few words; by the thread that builds.
        stop: Ends a build, or the wait for another process that builds.
    """

    engine_path: str = ''
    cache_dir: str = ''
    must_keep: bool = False
    rebuild: bool = False
    report: Callable[[str], None] = say_nothing
    stop: threading.Event = field(default_factory=threading.Event)
