# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What one frame on the GPU needs for itself: execution context, stream, buffers, CUDA graph."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.cuda import Buffer, Device, Work
from hybrid_perception.backends.tensorrt_library import TensorRt
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import Manifest

_LOGGER = logging.getLogger(__name__)
_MAKING = threading.Lock()
"""One slot of the process is made at a time: allocation waits for the whole device, which CUDA
refuses while any stream of it is captured (CUDA programming guide, "Prohibited Operations")."""


class TensorRtSlot:
    """Takes one frame at a time; several of one engine run beside each other."""

    def __init__(
        self, engine: Any, manifest: Manifest, library: TensorRt, device: Device
    ) -> None:
        """Allocate, run once and capture the run as a CUDA graph.

        Args:
            engine: A deserialised plan.
            manifest: The model that the plan was built from.
            library: TensorRT.
            device: Memory and a stream of this slot's own.

        Raises:
            EngineError: The GPU cannot take it, for example for want of memory.
        """
        self._manifest = manifest
        self._library = library
        self._device = device
        self._enqueue: Work = self._execute
        try:
            with _MAKING:
                self._context = engine.create_execution_context()
                del engine  # a traceback would keep it, and with it the memory that was short
                if self._context is None:
                    raise EngineError(library.complain(
                        f'the GPU cannot take the engine of model {manifest.name}; is its memory '
                        'full?'))
                self._image, self._label, self._score = self._allocate()
                self._run()
                self.graph = self._capture()
        except EngineError:
            self.close()
            raise
        # TensorRT's bindings raise whatever they like.
        except Exception as error:
            self.close()
            raise EngineError(f'the GPU cannot take model {manifest.name}: {error}') from error

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Put one frame through; see ``Backend.infer``.

        Args:
            image: (1, H, W, 3) uint8 RGB of the manifest's size.

        Raises:
            EngineError: The GPU failed; close this slot, its context may be in any state.
        """
        np.copyto(self._image.host, image)
        try:
            self._run()
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(
                f'the GPU failed on model {self._manifest.name}: {error}') from error
        return self._label.host[0].copy(), self._score.host[0].copy()

    def close(self) -> None:
        """Free context, graph and memory, after what the stream may still do with them."""
        try:
            self._device.wait()
        except Exception as error:  # a lost GPU does nothing more
            _LOGGER.debug('waiting for the stream failed: %s', error)
        for name in ('_enqueue', '_context', '_image', '_label', '_score'):
            self.__dict__.pop(name, None)
        self._device.close()

    def _allocate(self) -> tuple[Buffer, Buffer, Buffer]:
        manifest = self._manifest
        height, width = manifest.input_size
        tensors = (
            (manifest.input_name, (1, height, width, 3), np.uint8),
            (manifest.label_name, (1, height, width), np.uint8),
            (manifest.score_name, (1, height, width), np.float32),
        )
        image, label, score = (
            self._device.allocate(shape, dtype) for _, shape, dtype in tensors)
        for (name, *_), buffer in zip(tensors, (image, label, score), strict=True):
            if not self._context.set_tensor_address(name, buffer.address):
                raise EngineError(self._library.complain(f"tensor '{name}' takes no memory"))
        return image, label, score

    def _run(self) -> None:
        """Put one frame through; the host's side of the buffers is valid afterwards."""
        self._device.upload(self._image)
        self._enqueue()
        self._device.download(self._label)
        self._device.download(self._score)
        self._device.wait()

    def _execute(self) -> None:
        if not self._context.execute_async_v3(self._device.stream):
            raise EngineError(self._library.complain(
                f'the GPU refused to run model {self._manifest.name}'))

    def _capture(self) -> str:
        """Make one launch of many; without it, each kernel is launched by itself."""
        try:
            self._enqueue = self._device.capture(self._execute)
            self._run()
        except Exception as error:
            _LOGGER.warning(
                'model %s cannot be captured as a CUDA graph (%s): its kernels are launched one '
                'by one', self._manifest.name, error)
        else:
            return 'CUDA graph'
        self._enqueue = self._execute
        self._run()
        return 'no CUDA graph'
