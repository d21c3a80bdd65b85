# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One loaded model for several users of this process, such as its cameras."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
import threading

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.base import Backend
from hybrid_perception.exceptions import EngineError


@dataclass
class _Loaded:
    backend: Backend
    users: int = 0
    # A backend takes so many threads at a time; a warm-up takes no turn.
    places: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.places = threading.Semaphore(self.backend.concurrent_calls)

    def close(self) -> None:
        """Wait until nobody is inside and free the backend."""
        for _ in range(self.backend.concurrent_calls):
            self.places.acquire()
        self.backend.close()


class SharedBackends:
    """Backends by what they were loaded from; each is loaded once and freed with its last user."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[Hashable, _Loaded] = {}

    def open(self, key: Hashable, load: Callable[[], Backend]) -> Backend:
        """Return a lease on the backend of `key`, loading it for the first user.

        A second user waits while the first one loads.

        Args:
            key: all that decides which backend is right: model, engine, threads.
            load: makes the backend; what it raises is passed on and nothing is kept.
        """
        with self._lock:
            loaded = self._loaded.get(key)
            if loaded is None:
                loaded = self._loaded[key] = _Loaded(load())
            loaded.users += 1
            return _Lease(self, key, loaded)

    def give_back(self, key: Hashable, loaded: _Loaded) -> None:
        """End one lease; the last one frees the backend."""
        with self._lock:
            loaded.users -= 1
            if loaded.users:
                return
            self._forget(key, loaded)
        loaded.close()

    def discard(self, key: Hashable, loaded: _Loaded) -> None:
        """Hand a backend that failed to nobody new; its users keep it until they close."""
        with self._lock:
            self._forget(key, loaded)

    def discard_all(self) -> None:
        """Hand none of the backends to anybody new, because one of them hangs."""
        with self._lock:
            self._loaded.clear()

    def _forget(self, key: Hashable, loaded: _Loaded) -> None:
        if self._loaded.get(key) is loaded:
            del self._loaded[key]


class _Lease:
    """A user's hold on a shared backend; itself a `Backend`."""

    def __init__(self, owner: SharedBackends, key: Hashable, loaded: _Loaded) -> None:
        self._owner = owner
        self._key = key
        self._loaded: _Loaded | None = loaded
        self.name = loaded.backend.name
        self.detail = loaded.backend.detail
        self.concurrent_calls = loaded.backend.concurrent_calls

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Run the network once; see ``Backend.infer``."""
        loaded = self._loaded
        if loaded is None:
            raise EngineError(f'the shared {self.name} backend was closed; open a new one')
        with loaded.places:
            try:
                return loaded.backend.infer(image)
            except Exception:  # whatever an engine raises: the next user shall get a new one
                self._owner.discard(self._key, loaded)
                raise

    def close(self) -> None:
        """Give the backend back; calling it twice is allowed."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            self._owner.give_back(self._key, loaded)
