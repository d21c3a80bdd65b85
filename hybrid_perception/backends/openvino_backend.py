# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on the CPU: the engine for INT8 models, whose Q/DQ it turns into integer kernels."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.cores import engine_threads
from hybrid_perception.buffers import BufferPool
from hybrid_perception.exceptions import EngineError, ModelError
from hybrid_perception.manifest import Manifest


class OpenVinoBackend:
    """Runs the manifest's ONNX file with OpenVINO's CPU plug-in."""

    name = 'openvino'

    def __init__(
        self, manifest: Manifest, *, threads: int | None = None, calls: int = 1,
        reason: str = 'asked for',
    ) -> None:
        """Load the model.

        Args:
            manifest: Model to load.
            threads: Threads per frame; None takes every core that this process may use.
            calls: Calls at a time, each with threads and tensors of its own.
            reason: Why this engine was chosen, for ``detail``.

        Raises:
            EngineError: OpenVINO is not installed.
            ModelError: The file is no valid ONNX, or its tensors are not the manifest's.
            ParameterError: ``threads`` or ``calls`` is below 1.
        """
        number = engine_threads(threads, calls)
        self._library = import_openvino()
        self._manifest = manifest
        self.concurrent_calls = calls
        compiled = _compile(self._library, manifest, number, calls)
        _check_tensors(compiled, manifest)
        self._free: SimpleQueue[_Request] = SimpleQueue()
        for _ in range(calls):
            self._free.put(_Request(self._library, compiled, manifest))
        self._closed = False
        self.detail = (
            f'OpenVINO {self._library.__version__.split("-")[0]}, CPU, {number} thread(s); '
            f'{reason}')

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Run the network once; see ``Backend.infer``."""
        if self._closed:
            raise EngineError('the OpenVINO backend was closed; create a new one')
        wanted = (1, *self._manifest.input_size, 3)
        if image.shape != wanted or image.dtype != np.uint8:
            raise EngineError(
                f'{self._manifest.onnx_path.name} takes an image of shape {wanted} uint8; got '
                f'{image.shape} {image.dtype}')
        request = self._free.get()
        try:
            return request.infer(image)
        except RuntimeError as error:
            raise EngineError(
                f'OpenVINO failed on {self._manifest.onnx_path.name}: {error}') from error
        finally:
            self._free.put(request)

    def close(self) -> None:
        """Free the engine."""
        self._closed = True
        with suppress(Empty):
            while True:
                self._free.get_nowait()


class _Request:
    """One of the calls that may run at a time, with its tensors."""

    def __init__(self, library: Any, compiled: Any, manifest: Manifest) -> None:
        self._request = compiled.create_infer_request()
        self._buffers = BufferPool()
        # Bound once: a tensor over an array of ours keeps that array for good.
        size = manifest.input_size
        self._image = np.zeros((1, *size, 3), np.uint8)
        self._label, self._score = np.zeros(size, np.uint8), np.zeros(size, np.float32)
        for name, array in ((manifest.input_name, self._image),
                            (manifest.label_name, self._label[None]),
                            (manifest.score_name, self._score[None])):
            self._request.set_tensor(name, library.Tensor(array, shared_memory=True))

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        np.copyto(self._image, image)
        self._request.infer(share_outputs=True)  # else it copies them for its return value
        label = self._buffers.take(self._label.shape, np.uint8)
        score = self._buffers.take(self._score.shape, np.float32)
        np.copyto(label, self._label)
        np.copyto(score, self._score)
        return label, score


def import_openvino() -> Any:
    """Import OpenVINO.

    Raises:
        EngineError: It is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise EngineError(
            f'OpenVINO cannot be imported ({error}); install it with '
            "'pip install openvino' or with this package's extra 'openvino'"
        ) from error
    return openvino


def _compile(library: Any, manifest: Manifest, threads: int, calls: int) -> Any:
    try:
        return library.Core().compile_model(str(manifest.onnx_path), 'CPU', {
            'INFERENCE_NUM_THREADS': threads * calls,
            'NUM_STREAMS': calls,
            'PERFORMANCE_HINT': 'LATENCY',
            # Where the processor has bf16, scores would otherwise lose 16 bits without a word.
            'INFERENCE_PRECISION_HINT': 'f32',
        })
    except RuntimeError as error:
        raise ModelError(f'{manifest.onnx_path} cannot be loaded by OpenVINO: {error}') from error


def _check_tensors(compiled: Any, manifest: Manifest) -> None:
    size = list(manifest.input_size)
    wanted = {
        (manifest.input_name, 'u8', (1, *size, 3)),
        (manifest.label_name, 'u8', (1, *size)),
        (manifest.score_name, 'f32', (1, *size)),
    }
    # Shapes are asked for only where they are fixed: OpenVINO refuses to name others.
    present = {
        (port.get_any_name(), port.get_element_type().get_type_name(),
         tuple(port.get_shape()) if port.get_partial_shape().is_static else ())
        for port in (*compiled.inputs, *compiled.outputs)
    }
    if present != wanted:
        raise ModelError(
            f'{manifest.onnx_path} has the tensors {sorted(present)}; the manifest '
            f'{manifest.path.name} asks for {sorted(wanted)}'
        )
