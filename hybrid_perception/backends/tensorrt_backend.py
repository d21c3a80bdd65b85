# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A TensorRT plan on the GPU: two frames at a time, so that one is copied while one computes."""

from __future__ import annotations

from collections.abc import Callable
import logging
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.cuda import Device
from hybrid_perception.backends.tensorrt_library import TensorRt
from hybrid_perception.backends.tensorrt_slot import TensorRtSlot
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import Manifest

_LOGGER = logging.getLogger(__name__)


class PlanError(EngineError):
    """A plan is damaged, was built for something else, or is not of this model."""


class TensorRtBackend:
    """Runs a plan that was built from the manifest's ONNX file; see `engine.provider`.

    The second slot is made when a second thread comes while the first is inside: a node, which
    has one frame in flight, never pays for it.
    """

    name = 'tensorrt'
    concurrent_calls = 2

    def __init__(
        self, manifest: Manifest, plan: bytes, library: TensorRt,
        open_device: Callable[[], Device], *, detail: str = '',
    ) -> None:
        """Load a plan and make the first slot.

        Args:
            manifest: The model that the plan was built from.
            plan: What the builder wrote.
            library: TensorRT.
            open_device: Makes a stream on the GPU.
            detail: What runs and why, for people; whether the graph is used is added.

        Raises:
            PlanError: The plan cannot be loaded or has other tensors than the model.
            EngineError: The GPU cannot run it, for example for want of memory.
        """
        self._manifest = manifest
        self._library = library
        self._open_device = open_device
        trt = library.trt
        with library.making('runtime'):
            self._runtime = trt.Runtime(library.logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise PlanError(library.complain(
                f'the TensorRT plan of model {manifest.name} cannot be loaded'))
        check_tensors(self._engine, trt, manifest)
        self._changed = threading.Condition()
        self._closed = False
        self._limit = self.concurrent_calls
        self._slots = 1  # free ones, those in use, and those being made
        try:
            first = self._make_slot()
        except BaseException:
            self._engine = self._runtime = None
            raise
        self._free = [first]
        self.detail = f'{detail}, {first.graph}' if detail else first.graph

    def infer(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Run the network once; see ``Backend.infer``."""
        shape = (1, *self._manifest.input_size, 3)
        if image.shape != shape or image.dtype != np.uint8:
            raise EngineError(
                f'model {self._manifest.name} takes an image of shape {shape} '
                f'and dtype uint8; got {image.shape} {image.dtype}'
            )
        slot = self._take()
        try:
            answer = slot.infer(image)
        except BaseException:
            # The next call makes a new one. The other slot has a context, a stream and memory of
            # its own and goes on.
            slot.close()
            self._drop()
            raise
        with self._changed:
            self._free.append(slot)
            self._changed.notify_all()
        return answer

    def close(self) -> None:
        """Wait for calls in flight; free contexts, engine and memory, in this order."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._free) == self._slots)
            while self._free:
                self._free.pop().close()
            self._slots = 0
            self._engine = self._runtime = None

    def _take(self) -> TensorRtSlot:
        """Take a free slot, make one, or wait for one."""
        with self._changed:
            while not self._closed:
                if self._free:
                    return self._free.pop()
                if self._slots < self._limit:
                    break
                self._changed.wait()
            if self._closed:
                raise EngineError('the TensorRT backend was closed; create a new one')
            self._slots += 1
            another = self._slots > 1
        try:
            return self._make_slot()
        except EngineError as error:
            if not another:
                self._drop()
                raise
            self._do_without(error)
        except BaseException:
            self._drop()
            raise
        return self._take()

    def _make_slot(self) -> TensorRtSlot:
        return TensorRtSlot(self._engine, self._manifest, self._library, self._open_device())

    def _drop(self) -> None:
        """Count one slot less."""
        with self._changed:
            self._slots -= 1
            self._changed.notify_all()

    def _do_without(self, error: EngineError) -> None:
        """Go on with the slots that there are: what did not fit once is not tried per frame."""
        _LOGGER.warning(
            'model %s runs one frame at a time, copies and computation do not overlap: %s',
            self._manifest.name, error)
        with self._changed:
            self._limit = 1
        self._drop()


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
