# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A key and a sidecar to store engines under."""

from __future__ import annotations

from collections.abc import Callable
import hashlib
from typing import Any

import pytest

from hybrid_perception.backends.cuda import Gpu
from hybrid_perception.engine.cache import EngineCache
from hybrid_perception.engine.key import EngineKey, engine_key
from hybrid_perception.engine.sidecar import Sidecar
from hybrid_perception.manifest import load_manifest

ORIN = Gpu(name='Orin', compute_capability='8.7', driver='12.6')


@pytest.fixture
def manifest(tiny_model):
    """Load the tiny model's manifest."""
    return load_manifest(tiny_model)


@pytest.fixture
def key(manifest) -> EngineKey:
    """Make the key of the tiny model on an Orin."""
    return engine_key(manifest, ORIN, tensorrt='tensorrt 10.3.0', options={'level': 3})


@pytest.fixture
def cache(tmp_path) -> EngineCache:
    """Make an empty cache."""
    return EngineCache(tmp_path / 'cache')


@pytest.fixture
def make_sidecar(key) -> Callable[..., Sidecar]:
    """Make a function that makes the sidecar of a plan."""

    def make(plan: bytes, **fields: Any) -> Sidecar:
        values: dict[str, Any] = {
            'model': 'tiny', 'key': key, 'plan_sha256': hashlib.sha256(plan).hexdigest(),
            'plan_bytes': len(plan), 'built_at': '2026-11-23T12:00:00+00:00',
            'build_seconds': 1.5, 'parity': {'passed': True}, 'tools': {'python': '3.11'}}
        return Sidecar(**{**values, **fields})

    return make
