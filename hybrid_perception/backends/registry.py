# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Choice of the inference engine."""

from __future__ import annotations

import logging

from hybrid_perception.backends.base import Backend
from hybrid_perception.exceptions import EngineError, ParameterError
from hybrid_perception.manifest import Manifest

BACKEND_NAMES = ('auto', 'onnxruntime', 'tensorrt')

_LOGGER = logging.getLogger(__name__)


def create_backend(name: str, manifest: Manifest, *, threads: int | None = None) -> Backend:
    """Load a model into an engine.

    The choice and its reason are logged and stand in the backend's ``detail``.

    Args:
        name: ``auto``, ``onnxruntime`` or ``tensorrt``.
        manifest: Model to load.
        threads: CPU threads per frame; None takes every core that this process may use.

    Raises:
        ParameterError: The name or the number of threads is wrong.
        EngineError: The engine is not available.
        ModelError: The model cannot be loaded or is not what the manifest says.
    """
    if name not in BACKEND_NAMES:
        raise ParameterError(f"backend '{name}' is unknown; use one of {', '.join(BACKEND_NAMES)}")
    if name == 'tensorrt':
        raise EngineError(
            "backend 'tensorrt' is not part of this release; use 'onnxruntime' or 'auto'"
        )
    from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend

    if name == 'auto':
        reason = 'auto: the only engine of this release'
    else:
        reason = f"asked for as '{name}'"
    backend = OnnxRuntimeBackend(manifest, threads=threads, reason=reason)
    _LOGGER.info('backend %s: %s', backend.name, backend.detail)
    return backend
