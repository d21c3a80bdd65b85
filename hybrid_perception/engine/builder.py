# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From an ONNX graph to a TensorRT plan, by one strongly typed path for TensorRT 10 and 11.

The types of the ONNX graph are the precision; no flag of the builder changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import logging
import threading
import time
from typing import Any

from hybrid_perception.backends.tensorrt_library import TensorRt
from hybrid_perception.engine.progress import BuildProgress, make_monitor
from hybrid_perception.exceptions import EngineError, HybridPerceptionError, ModelError

OPTIMIZATION_LEVEL = 3
WORKSPACE = 1 << 30
"""Bytes of scratch memory that a kernel may ask for: a Jetson shares its memory with the CPU."""

BUILD_OPTIONS: Mapping[str, object] = {
    'optimization level': OPTIMIZATION_LEVEL,
    'strongly typed': True,
    # TF32 keeps 10 bits of the mantissa; whoever wants speed takes the fp16 variant of the model.
    'tf32': False,
    'workspace': WORKSPACE,
}
"""Part of the engine's key: whoever changes one of them gets new engines."""

_LOGGER = logging.getLogger(__name__)


class BuildStoppedError(HybridPerceptionError):
    """The build was stopped on request."""


@dataclass(frozen=True)
class BuiltPlan:
    """What a build gives.

    Attributes:
        plan: The serialised engine.
        timings: What was learnt about kernels, for the next build; empty where nothing.
        seconds: Time that it took.
        layers: Number of layers of the parsed network.
    """

    plan: bytes
    timings: bytes
    seconds: float
    layers: int


def build_plan(
    library: TensorRt, onnx: bytes, *, timings: bytes = b'',
    report: Callable[[int], None], stop: threading.Event,
) -> BuiltPlan:
    """Build a plan for this machine's GPU; takes minutes, and leaves the GIL to others.

    Args:
        library: TensorRT.
        onnx: The graph, with all its weights.
        timings: From an earlier build on the same GPU.
        report: Called with the percentage done.
        stop: Ends the build at its next step.

    Raises:
        ModelError: TensorRT does not understand the graph.
        EngineError: The build failed.
        BuildStoppedError: `stop` was set.
    """
    trt = library.trt
    library.logger.errors.clear()
    begun = time.monotonic()
    with library.making('builder'):
        builder = trt.Builder(library.logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    # The parser keeps the weights that the network points to: it must outlive the build.
    with library.making('parser'):
        parser = trt.OnnxParser(network, library.logger)
    if not parser.parse(onnx):
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise ModelError(library.complain(
            f'the ONNX graph cannot be read: {"; ".join(errors) or "not an ONNX file"}'))
    config = builder.create_builder_config()
    config.builder_optimization_level = OPTIMIZATION_LEVEL
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    config.clear_flag(trt.BuilderFlag.TF32)
    config.progress_monitor = make_monitor(trt, BuildProgress(report, stop))
    _use_timings(config, timings)
    serialized = builder.build_serialized_network(network, config)
    if stop.is_set():
        raise BuildStoppedError('the build of the TensorRT engine was stopped')
    if serialized is None:
        raise EngineError(library.complain('the TensorRT engine cannot be built'))
    return BuiltPlan(
        plan=bytes(serialized), timings=_learnt(config), seconds=time.monotonic() - begun,
        layers=int(network.num_layers))


def _use_timings(config: Any, timings: bytes) -> None:
    """Hand earlier timings to the builder; damaged ones only cost time."""
    timing_cache = config.create_timing_cache(timings)
    used = timing_cache is not None and config.set_timing_cache(
        timing_cache, ignore_mismatch=False)
    if timings and not used:
        _LOGGER.warning('the timings of earlier builds cannot be used: this build is slower')
        _use_timings(config, b'')


def _learnt(config: Any) -> bytes:
    timing_cache = config.get_timing_cache()
    return b'' if timing_cache is None else bytes(timing_cache.serialize())
