# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT and a GPU for machines without: the calls are recorded, the answers are real.

A plan is the ONNX file behind a header; ONNX Runtime computes what the plan computes, on addresses
of "GPU" memory. As on a GPU, nothing that is put into a stream happens before the wait.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from dataclasses import dataclass, field
from enum import IntEnum
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto
import onnxruntime

from hybrid_perception.backends.cuda import Buffer, Gpu
from hybrid_perception.backends.tensorrt_library import TensorRt, make_logger
from hybrid_perception.engine.accelerator import Accelerator


class Severity(IntEnum):
    """As TensorRT's."""

    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class Mode(IntEnum):
    """As TensorRT's TensorIOMode."""

    NONE, INPUT, OUTPUT = range(3)


class Kind(IntEnum):
    """As TensorRT's DataType, of which three are enough."""

    FLOAT, HALF, UINT8 = range(3)


KINDS = {TensorProto.UINT8: Kind.UINT8, TensorProto.FLOAT: Kind.FLOAT}


@dataclass
class World:
    """What goes wrong, and what was done.

    Attributes:
        faults: By name, how many times it goes wrong; -1 for always.
        calls: Names of the calls on streams and builder, in order.
        devices: One per stream that was opened, by its handle.
        gate: Called by whoever waits for a stream, with its handle, before it may go on.
        steps: Steps of a build.
        step_seconds: Time of one of them.
        capture_seconds: Time of a capture.
        score_offset: Added to the scores, as by an engine that is wrong.
        version: Of TensorRT.
    """

    faults: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    steps: int = 4
    step_seconds: float = 0.0
    capture_seconds: float = 0.0
    score_offset: float = 0.0
    version: str = '10.3.0'
    devices: dict[int, StandInDevice] = field(default_factory=dict)
    gate: Callable[[int], None] = lambda stream: None
    contexts: int = 0
    capturing: int = 0

    def fails(self, name: str) -> bool:
        """Return whether this call goes wrong."""
        left = self.faults.get(name, 0)
        if left > 0:
            self.faults[name] = left - 1
        return left != 0

    def accelerator(self) -> Accelerator:
        """Return the machine."""
        trt = make_module(self)
        return Accelerator(
            Gpu(name='Orin', compute_capability='8.7', driver='12.6'),
            TensorRt(trt, 'tensorrt', self.version, make_logger(trt)),
            lambda: StandInDevice(self))


class StandInDevice:
    """A stream whose work is done while somebody waits for it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.stream = 77 + len(world.devices)
        self.calls: list[str] = []
        self.queue: list[Callable[[], None]] = []
        self._memory: dict[int, np.ndarray] = {}
        world.devices[self.stream] = self

    def allocate(self, shape: tuple[int, ...], dtype: Any) -> Buffer:
        if self._world.fails('out of memory'):
            raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 MiB')
        if self._world.capturing:  # it waits for the device
            raise RuntimeError('operation not permitted when stream is capturing')
        self.note('allocate')
        host, device = np.zeros(shape, dtype), np.zeros(shape, dtype)
        self._memory[device.ctypes.data] = device
        return Buffer(host, device.ctypes.data)

    def upload(self, buffer: Buffer) -> None:
        self._put('upload', lambda: np.copyto(self._memory[buffer.address], buffer.host))

    def download(self, buffer: Buffer) -> None:
        self._put('download', lambda: np.copyto(buffer.host, self._memory[buffer.address]))

    def close(self) -> None:
        self._memory.clear()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        if self._world.fails('capture'):
            raise RuntimeError('operation not permitted when stream is capturing')
        before, self.queue = self.queue, []
        self._world.capturing += 1
        time.sleep(self._world.capture_seconds)
        work()
        self._world.capturing -= 1
        recorded, self.queue = self.queue, before
        return lambda: self._put('graph', *recorded)

    def wait(self) -> None:
        try:
            if self._world.fails('wait'):
                raise RuntimeError('CUDA error: an illegal memory access was encountered')
            self.note('wait')
            self._world.gate(self.stream)
            while self.queue:
                self.queue.pop(0)()
        finally:
            self.queue.clear()

    def note(self, name: str) -> None:
        self.calls.append(name)
        self._world.calls.append(name)

    def _put(self, name: str, *work: Callable[[], None]) -> None:
        self.note(name)
        self.queue += work


class Engine:
    """A deserialised plan."""

    def __init__(self, world: World, onnx_bytes: bytes, context: type[Context]) -> None:
        self.world, self.onnx, self._context = world, onnx_bytes, context
        graph = onnx.load_from_string(onnx_bytes).graph
        self._tensors = [(Mode.INPUT, tensor) for tensor in graph.input]
        self._tensors += [(Mode.OUTPUT, tensor) for tensor in graph.output]
        self.num_io_tensors = len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return self._tensors[index][1].name

    def get_tensor_mode(self, name: str) -> Mode:
        return self._find(name)[0]

    def get_tensor_dtype(self, name: str) -> Kind:
        return KINDS[self._find(name)[1].type.tensor_type.elem_type]

    def get_tensor_shape(self, name: str) -> list[int]:
        return [size.dim_value for size in self._find(name)[1].type.tensor_type.shape.dim]

    def create_execution_context(self) -> Context | None:
        return None if self.world.fails('context') else self._context(self)

    def _find(self, name: str) -> Any:
        return next(entry for entry in self._tensors if entry[1].name == name)


class Context:
    """What runs an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._world = engine, engine.world
        self._session = onnxruntime.InferenceSession(
            engine.onnx, providers=['CPUExecutionProvider'])
        self._addresses: dict[str, int] = {}
        self._world.contexts += 1

    def __del__(self) -> None:
        self._world.contexts -= 1

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return not self._world.fails('address')

    def execute_async_v3(self, stream_handle: int) -> bool:
        if self._world.fails('enqueue'):
            return False
        device = self._world.devices[stream_handle]
        device.note('enqueue')
        device.queue.append(self._compute)
        return True

    def _compute(self) -> None:
        feeds = {node.name: self._view(node.name, node.shape, np.uint8)
                 for node in self._session.get_inputs()}
        nodes = self._session.get_outputs()
        for node, value in zip(nodes, self._session.run(None, feeds), strict=True):
            if value.dtype == np.float32:
                value = value + np.float32(self._world.score_offset)
            np.copyto(self._view(node.name, value.shape, value.dtype), value)

    def _view(self, name: str, shape: Any, dtype: Any) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = (ctypes.c_uint8 * size).from_address(self._addresses[name])
        return np.frombuffer(memory, dtype).reshape(shape)


def make_module(world: World, context: type[Context] | None = None) -> ModuleType:
    """Make a module that can be used as TensorRT is; `context` runs its engines."""
    prefix = f'plan of {world.version};'.encode()

    class Logger:
        pass

    class Monitor:
        pass

    def deserialize(logger: Any, plan: bytes) -> Engine | None:
        if not plan.startswith(prefix):
            logger.log(Severity.ERROR, 'the engine plan file is not compatible')
            return None
        return Engine(world, plan[len(prefix):], context or Context)

    def parse(network: Any, model: bytes) -> bool:
        network.onnx = model
        return not world.fails('parse')

    def build(network: Any, config: Any) -> bytes | None:
        world.calls.append('build')
        monitor = config.progress_monitor
        monitor.phase_start('Building', None, world.steps)
        for step in range(world.steps):
            time.sleep(world.step_seconds)
            if not monitor.step_complete('Building', step):
                return None
        monitor.phase_finish('Building')
        return None if world.fails('build') else prefix + network.onnx

    def make_config() -> Any:
        config = SimpleNamespace()
        config.set_memory_pool_limit = lambda pool, pool_size: None
        config.clear_flag = lambda flag: world.calls.append(f'clear {flag}')
        config.create_timing_cache = lambda blob: None if blob == b'damaged' else [blob]
        config.set_timing_cache = lambda cache, ignore_mismatch: cache is not None
        config.get_timing_cache = lambda: SimpleNamespace(serialize=lambda: b'timings')
        return config

    module = ModuleType('tensorrt')
    vars(module).update(
        __version__=world.version,
        ILogger=type('ILogger', (Logger,), {'Severity': Severity}),
        IProgressMonitor=Monitor,
        TensorIOMode=Mode,
        DataType=Kind,
        NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=1),
        MemoryPoolType=SimpleNamespace(WORKSPACE=0),
        BuilderFlag=SimpleNamespace(TF32='TF32'),
        Runtime=lambda logger: SimpleNamespace(
            deserialize_cuda_engine=lambda plan: deserialize(logger, plan)),
        OnnxParser=lambda network, logger: SimpleNamespace(
            parse=lambda model: parse(network, model), num_errors=1,
            get_error=lambda index: SimpleNamespace(desc=lambda: 'unsupported node Foo')),
        Builder=lambda logger: SimpleNamespace(
            create_network=lambda flags: SimpleNamespace(flags=flags, num_layers=6),
            create_builder_config=make_config, build_serialized_network=build),
    )
    return module
