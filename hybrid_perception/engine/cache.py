# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Engines on disk: found only if they fit and are undamaged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
import hashlib
import logging
from pathlib import Path
import re

from hybrid_perception.engine.directory import make_private, write_atomically
from hybrid_perception.engine.key import EngineKey
from hybrid_perception.engine.lock import locked
from hybrid_perception.engine.sidecar import Sidecar, read_sidecar
from hybrid_perception.exceptions import EngineError

TIMINGS = 'timing'
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class CachedEngine:
    """An engine of the cache.

    Attributes:
        path: File of the plan.
        sidecar: What is known about it.
        plan: The plan itself; empty where the parity check refused it.
    """

    path: Path
    sidecar: Sidecar
    plan: bytes


class EngineCache:
    """One directory: `<model>/<key>.engine`, its sidecar `.json`, and timings of kernels."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; nothing is created before something is stored."""
        self.directory = directory

    def path(self, model: str, key: EngineKey) -> Path:
        """Return where the plan of a model is, or would be."""
        return self._folder(model) / f'{key.stem}.engine'

    def find(self, model: str, key: EngineKey, *, explain: bool = True) -> CachedEngine | None:
        """Return the engine for a key; None where there is none that can be used.

        Logs a warning that names what is damaged.

        Args:
            model: Name of the model.
            key: What the engine must have been built from and for.
            explain: Where there is none, also log what changed since the nearest build.

        Raises:
            EngineError: The directory is not private.
        """
        path = self.path(model, key)
        if not path.parent.is_dir():
            return None
        # The plan is deserialised, which is running it: check who may have written it.
        make_private(self.directory)
        make_private(path.parent)
        sidecar = read_sidecar(path.with_suffix('.json'))
        if sidecar is None:
            if explain:
                self._explain_miss(path, model, key)
            return None
        changes = key.changes(sidecar.key)
        if changes:
            _LOGGER.warning('%s is another engine (%s): it is not used', path, '; '.join(changes))
            return None
        if sidecar.refused:
            return CachedEngine(path, sidecar, b'')
        try:
            plan = path.read_bytes()
        except OSError as error:
            _LOGGER.warning('%s cannot be read (%s): it is not used', path, error.strerror)
            return None
        if hashlib.sha256(plan).hexdigest() != sidecar.plan_sha256:
            _LOGGER.warning('%s is damaged (its SHA-256 is not the recorded one): it is not used',
                            path)
            return None
        return CachedEngine(path, sidecar, plan)

    def store(self, sidecar: Sidecar, plan: bytes) -> Path:
        """Keep an engine; return the path of its plan.

        Raises:
            EngineError: The directory is not private or cannot be written to.
        """
        path = self.path(sidecar.model, sidecar.key)
        self.prepare(sidecar.model)
        # The sidecar comes last: a plan without one is never used.
        if not sidecar.refused:
            write_atomically(path, plan)
        write_atomically(path.with_suffix('.json'), sidecar.to_json())
        return path

    def prepare(self, model: str) -> None:
        """Create the model's directory, so that it is known to be writable before a long build.

        Raises:
            EngineError: It is not private or cannot be created.
        """
        make_private(self.directory)
        make_private(self._folder(model))

    def lock(
        self, model: str, key: EngineKey, while_waiting: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """Return the lock that whoever builds this engine holds; see `locked`."""
        self.prepare(model)
        return locked(self.path(model, key).with_suffix('.lock'), while_waiting)

    def engines(self) -> list[CachedEngine]:
        """List the engines, oldest first; their plans are not read."""
        sidecars = [(path, read_sidecar(path)) for path in self.directory.glob('*/*.json')]
        found = [
            CachedEngine(path.with_suffix('.engine'), sidecar, b'')
            for path, sidecar in sidecars if sidecar is not None
        ]
        return sorted(found, key=lambda engine: engine.sidecar.built_at)

    def clear(self, model: str = '') -> int:
        """Remove the engines of a model, or of all of them with their timings.

        Returns:
            Bytes that became free. Locks stay: another process may wait for one.

        Raises:
            EngineError: A file cannot be removed.
        """
        folder = self._folder(model).name if model else '*'
        freed = 0
        for suffix in ('json', 'engine') if model else ('json', 'engine', 'timings'):
            for path in sorted(self.directory.glob(f'{folder}/*.{suffix}')):
                freed += path.stat().st_size
                try:
                    path.unlink()
                except OSError as error:
                    raise EngineError(f'{path} cannot be removed ({error.strerror})') from error
        return freed

    def read_timings(self, key: EngineKey) -> bytes:
        """Return what earlier builds learnt about kernels on this GPU; empty where nothing is."""
        try:
            return self._timings(key).read_bytes()
        except OSError:
            return b''

    def store_timings(self, key: EngineKey, timings: bytes) -> None:
        """Keep what a build learnt about kernels.

        Raises:
            EngineError: The directory is not private or cannot be written to.
        """
        path = self._timings(key)
        make_private(self.directory)
        make_private(path.parent)
        write_atomically(path, timings)

    def _timings(self, key: EngineKey) -> Path:
        """Name the file by GPU and version; models share it."""
        shared = ('tensorrt', 'cuda driver', 'gpu', 'compute capability', 'platform')
        machine = EngineKey({name: key.parts[name] for name in shared})
        return self.directory / TIMINGS / f'{machine.stem}.timings'

    def _folder(self, model: str) -> Path:
        # A model may be called anything; only these characters are safe in a file's name.
        return self.directory / ('model-' + re.sub(r'[^A-Za-z0-9_.-]', '_', model))

    def _explain_miss(self, path: Path, model: str, key: EngineKey) -> None:
        if path.exists():
            _LOGGER.warning('%s has no readable sidecar: it is not used', path)
            return
        others = [engine.sidecar.key for engine in self.engines()
                  if engine.path.parent == path.parent]
        if others:
            changes = min((key.changes(other) for other in reversed(others)), key=len)
            _LOGGER.warning('no engine of model %s fits: %s', model, '; '.join(changes))
