# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A TensorRT plan on the GPU: buffers and CUDA graph are made once, only the frame is uploaded."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.device import Buffer, Device, Work
from hybrid_perception.backends.tensorrt_library import TensorRt
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import Manifest

_LOGGER = logging.getLogger(__name__)


class PlanError(EngineError):
    """A plan is damaged, was built for something else, or is not of this model."""


class TensorRtBackend:
    """Runs a plan that was built from the manifest's ONNX file; see `engine.provide`."""

    name = 'tensorrt'
    concurrent_calls = 1

    def __init__(
        self, manifest: Manifest, plan: bytes, library: TensorRt, device: Device, *,
        detail: str = '',
    ) -> None:
        """Load a plan, allocate, run it once and capture it as a CUDA graph.

        Args:
            manifest: The model that the plan was built from.
            plan: What the builder wrote.
            library: TensorRT.
            device: Memory and stream.
            detail: What runs and why, for people; whether the graph is used is added.

        Raises:
            PlanError: The plan cannot be loaded or has other tensors than the model.
            EngineError: The GPU cannot run it, for example for want of memory.
        """
        self._manifest = manifest
        self._library = library
        self._device = device
        trt = library.trt
        self._runtime = trt.Runtime(library.logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise PlanError(library.complain(
                f'the TensorRT plan of model {manifest.name} cannot be loaded'))
        check_tensors(self._engine, trt, manifest)
        try:
            self._context = self._engine.create_execution_context()
            if self._context is None:
                raise EngineError(library.complain(
                    f'the GPU cannot take the engine of model {manifest.name}; is its memory full?'
                ))
            self._image, self._label, self._score = self._allocate()
            self._enqueue: Work | None = self._execute
            self._run()
        except EngineError:
            self.close()
            raise
        # PyTorch raises RuntimeError and what derives from it; a driver that is lost, anything.
        except Exception as error:
            self.close()
            raise EngineError(f'the GPU cannot take model {manifest.name}: {error}') from error
        self._enqueue, graph = self._capture()
        self.detail = f'{detail}, {graph}' if detail else graph

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Run the network once; see ``Backend.infer``."""
        if self._enqueue is None:
            raise EngineError('the TensorRT backend was closed; create a new one')
        if image.shape != self._image.host.shape or image.dtype != np.uint8:
            raise EngineError(
                f'model {self._manifest.name} takes an image of shape {self._image.host.shape} '
                f'and dtype uint8; got {image.shape} {image.dtype}'
            )
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
        """Free context, engine and memory, in this order."""
        self._enqueue = None
        self._context = self._engine = self._runtime = None
        self.__dict__.pop('_image', None)
        self.__dict__.pop('_label', None)
        self.__dict__.pop('_score', None)

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
        assert self._enqueue is not None
        self._device.upload(self._image)
        self._enqueue()
        self._device.download(self._label)
        self._device.download(self._score)
        self._device.wait()

    def _execute(self) -> None:
        if not self._context.execute_async_v3(self._device.stream):
            raise EngineError(self._library.complain(
                f'the GPU refused to run model {self._manifest.name}'))

    def _capture(self) -> tuple[Work, str]:
        """Make one launch of many; without it, each kernel is launched by itself."""
        try:
            self._enqueue = self._device.capture(self._execute)
            self._run()
        except Exception as error:
            _LOGGER.warning(
                'model %s cannot be captured as a CUDA graph (%s): its kernels are launched one '
                'by one', self._manifest.name, error)
        else:
            return self._enqueue, 'CUDA graph'
        self._enqueue = self._execute
        self._run()
        return self._execute, 'no CUDA graph'


def check_tensors(engine: Any, trt: Any, manifest: Manifest) -> None:
    """Compare names, directions, types and shapes of a plan's tensors with the manifest.

    Raises:
        PlanError: They differ.
    """
    height, width = manifest.input_size
    inward, outward = trt.TensorIOMode.INPUT, trt.TensorIOMode.OUTPUT
    byte, real = trt.DataType.UINT8, trt.DataType.FLOAT
    right = {
        manifest.input_name: (inward, byte, (1, height, width, 3)),
        manifest.label_name: (outward, byte, (1, height, width)),
        manifest.score_name: (outward, real, (1, height, width)),
    }
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    present = {
        name: (engine.get_tensor_mode(name), engine.get_tensor_dtype(name),
               tuple(engine.get_tensor_shape(name)))
        for name in names
    }
    if present != right:
        raise PlanError(
            f'the TensorRT plan is not of model {manifest.name}: its tensors are {present}, the '
            f'manifest asks for {right}'
        )
