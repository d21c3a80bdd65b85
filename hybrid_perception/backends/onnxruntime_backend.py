# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on the CPU: the default engine, exact and everywhere available."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.cores import engine_threads
from hybrid_perception.exceptions import EngineError, ModelError
from hybrid_perception.manifest import Manifest


class OnnxRuntimeBackend:
    """Runs the manifest's ONNX file with the CPU execution provider."""

    name = 'onnxruntime'

    def __init__(
        self, manifest: Manifest, *, threads: int | None = None, calls: int = 1,
        reason: str = 'asked for',
    ) -> None:
        """Load the model.

        Args:
            manifest: Model to load.
            threads: Threads per frame; None takes every core that this process may use. With 1
                each call runs in its caller's thread; with more, calls share them.
            calls: Calls at a time; each one more takes as much memory as the network's tensors.
            reason: Why this engine was chosen, for ``detail``.

        Raises:
            EngineError: ONNX Runtime is not installed.
            ModelError: The file is no valid ONNX, or its tensors are not the manifest's.
            ParameterError: ``threads`` or ``calls`` is below 1.
        """
        self._threads = engine_threads(threads, calls)
        self.concurrent_calls = calls
        self._manifest = manifest
        self._session: Any = _open_session(manifest, self._threads)
        _check_tensors(self._session, manifest)
        self.detail = f'{_version()}, CPU, {self._threads} thread(s); {reason}'

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Run the network once; see ``Backend.infer``."""
        session = self._session
        if session is None:
            raise EngineError('the ONNX Runtime backend was closed; create a new one')
        manifest = self._manifest
        try:
            label, score = session.run(
                [manifest.label_name, manifest.score_name], {manifest.input_name: image}
            )
        # ONNX Runtime raises its own types, each derived directly from Exception.
        except Exception as error:
            raise EngineError(
                f'ONNX Runtime failed on {manifest.onnx_path.name} with an image of shape '
                f'{image.shape} and dtype {image.dtype}: {error}'
            ) from error
        return label[0], score[0]

    def close(self) -> None:
        """Free the session."""
        self._session = None


def _open_session(manifest: Manifest, threads: int) -> Any:
    return open_session(manifest.onnx_path, threads)


def open_session(onnx_path: Path, threads: int) -> Any:
    """Open an ONNX file with the settings that this backend runs with.

    Raises:
        EngineError: ONNX Runtime is not installed.
        ModelError: the file is no valid ONNX.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            f'ONNX Runtime cannot be imported ({error}); install it with '
            "'pip install onnxruntime'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # One block planned for all tensors at once takes 76 MB more for the shipped model, and no
    # less time.
    options.enable_mem_pattern = False
    # Waiting threads would otherwise burn the cores that the rest of the robot needs.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.add_session_config_entry('session.inter_op.allow_spinning', '0')
    try:
        return onnxruntime.InferenceSession(
            str(onnx_path), options, providers=['CPUExecutionProvider']
        )
    # ONNX Runtime raises its own types, each derived directly from Exception.
    except Exception as error:
        raise ModelError(
            f'{onnx_path} cannot be loaded by ONNX Runtime: {error}'
        ) from error


def _check_tensors(session: Any, manifest: Manifest) -> None:
    height, width = manifest.input_size
    present = {
        'input': {node.name: node for node in session.get_inputs()},
        'output': {node.name: node for node in session.get_outputs()},
    }
    required = (
        ('input', '$.input.name', manifest.input_name, 'tensor(uint8)', [1, height, width, 3]),
        ('output', '$.outputs.label', manifest.label_name, 'tensor(uint8)', [1, height, width]),
        ('output', '$.outputs.anomaly_score', manifest.score_name, 'tensor(float)',
         [1, height, width]),
    )
    for kind, field, name, dtype, shape in required:
        node = present[kind].get(name)
        if node is None:
            raise ModelError(
                f"{manifest.path}: {field} is '{name}'; {manifest.onnx_path.name} has the "
                f'{kind}s {", ".join(present[kind])}'
            )
        if node.type != dtype or list(node.shape) != shape:
            raise ModelError(
                f"{manifest.onnx_path}: {kind} '{name}' is {node.type} {list(node.shape)}; the "
                f'manifest {manifest.path.name} asks for {dtype} {shape}'
            )
    if len(present['input']) != 1:
        raise ModelError(
            f'{manifest.onnx_path} has the inputs {", ".join(present["input"])}; it must have '
            'the image alone'
        )


def _version() -> str:
    import onnxruntime

    return f'ONNX Runtime {onnxruntime.__version__}'
