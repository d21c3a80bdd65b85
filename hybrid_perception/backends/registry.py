# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Choice of the inference engine."""

from __future__ import annotations

import logging

from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.backends.openvino_backend import OpenVinoBackend
from hybrid_perception.engine.accelerator import Accelerator, find_accelerator
from hybrid_perception.engine.parity import compare, parity_image
from hybrid_perception.engine.provider import EngineProvider
from hybrid_perception.engine.settings import EngineSettings
from hybrid_perception.exceptions import EngineError, ModelError, ParameterError
from hybrid_perception.manifest import Manifest

BACKEND_NAMES = ('auto', 'onnxruntime', 'openvino', 'tensorrt')

_LOGGER = logging.getLogger(__name__)


def create_backend(
    name: str, manifest: Manifest, *, threads: int | None = None, calls: int = 1,
    engine: EngineSettings | None = None,
) -> Backend:
    """Load a model into an engine.

    The choice and its reason are logged and stand in the backend's ``detail``.

    Args:
        name: ``onnxruntime``, ``openvino``, ``tensorrt``, or ``auto``: TensorRT where it works;
            else, for int8, OpenVINO where it is installed and agrees with ONNX Runtime; else ONNX
            Runtime.
        manifest: Model to load.
        threads: CPU threads per frame; None takes every core that this process may use.
        calls: Calls that a CPU engine shall take at a time; the others have a number of their own.
        engine: Where TensorRT engines are kept, and who is told of a build, which takes minutes.

    Raises:
        ParameterError: The name or the number of threads is wrong.
        EngineError: The engine is not available; the message says what is missing.
        ModelError: The model cannot be loaded or is not what the manifest says.
        BuildStoppedError: The engine's build was stopped.
    """
    if name not in BACKEND_NAMES:
        raise ParameterError(f"backend '{name}' is unknown; use one of {', '.join(BACKEND_NAMES)}")
    settings = engine or EngineSettings()
    backend: Backend
    if name == 'onnxruntime':
        backend = OnnxRuntimeBackend(
            manifest, threads=threads, calls=calls, reason=f"asked for as '{name}'")
    elif name == 'openvino':
        backend = OpenVinoBackend(
            manifest, threads=threads, calls=calls, reason=f"asked for as '{name}'")
    elif name == 'tensorrt':
        backend = EngineProvider(
            manifest, _required_accelerator(), settings, reason=f"asked for as '{name}'").open()
    else:
        backend = _best(manifest, threads, calls, settings)
    _LOGGER.info('backend %s: %s', backend.name, backend.detail)
    return backend


def _required_accelerator() -> Accelerator:
    try:
        return find_accelerator()
    except EngineError as error:
        raise EngineError(
            f"backend 'tensorrt' cannot run here: {error}. Without it: 'onnxruntime' or 'auto'"
        ) from error


def _best(
    manifest: Manifest, threads: int | None, calls: int, settings: EngineSettings
) -> Backend:
    try:
        accelerator = find_accelerator()
    except EngineError as error:
        return _best_on_cpu(manifest, threads, calls, f'auto: {error}')
    try:
        return EngineProvider(
            manifest, accelerator, settings, reason='auto: GPU and TensorRT are here').open()
    # A graph that TensorRT does not understand may be fine for ONNX Runtime.
    except (EngineError, ModelError) as error:
        _LOGGER.warning('TensorRT is not used, the model runs on the CPU: %s', error)
        return _best_on_cpu(manifest, threads, calls, f'auto: TensorRT failed: {error}')


def _best_on_cpu(manifest: Manifest, threads: int | None, calls: int, reason: str) -> Backend:
    """Open ONNX Runtime; for int8 OpenVINO, where it is installed and says the same."""
    if manifest.precision == 'int8':
        try:
            return _proven_openvino(manifest, threads, calls, reason)
        # What is wrong with the model itself, ONNX Runtime says below.
        except (EngineError, ModelError) as error:
            reason = f'{reason}; OpenVINO, which is quicker in int8, is not used: {error}'
    return OnnxRuntimeBackend(manifest, threads=threads, calls=calls, reason=reason)


def _proven_openvino(
    manifest: Manifest, threads: int | None, calls: int, reason: str
) -> Backend:
    """Open OpenVINO and hold it against ONNX Runtime: its int8 kernels differ by processor."""
    backend = OpenVinoBackend(
        manifest, threads=threads, calls=calls,
        reason=f'{reason}; quicker in int8 than ONNX Runtime, and agrees with it')
    try:
        reference = OnnxRuntimeBackend(manifest, threads=threads)
        parity = compare(manifest, backend, reference, parity_image(*manifest.input_size))
        reference.close()
        if not parity.passed:
            raise EngineError(f'it differs from ONNX Runtime: {parity}')
    except BaseException:
        backend.close()
        raise
    return backend
