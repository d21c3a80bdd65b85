# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every CPU engine at hand on one network: time, arithmetic per second, share of the peak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.flops import count_file
from benchmark.interleaved import Call, milliseconds, noise, ratio, take_turns
from benchmark.table import NotMeasured, Settings, Table
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.manifest import Manifest, load_manifest

GEMM = 2048
BASE = 'ONNX Runtime'


def measure(settings: Settings) -> list[Table]:
    """Measure with each number of threads."""
    manifest = load_manifest(settings.model)
    return [_measure(manifest, settings, threads) for threads in settings.threads]


def _measure(manifest: Manifest, settings: Settings, threads: int) -> Table:
    image = noise((1, *manifest.input_size, 3))
    calls: dict[str, Call] = {}
    missing = []
    for name, make in _engines(manifest, settings, threads).items():
        try:
            calls[name] = make(image)
            calls[name]()
        except (ImportError, NotMeasured, HybridPerceptionError) as error:
            missing.append(f'{name} ({error})')
    peak = matrix_peak(threads, GEMM // (8 if settings.quick else 1))
    operations, _ = count_file(manifest.onnx_path, [manifest.label_name, manifest.score_name])
    seconds = take_turns(calls, settings.rounds(20))
    rows = []
    for name, values in seconds.items():
        rate = operations / float(np.median(values))
        rows.append((name, *milliseconds(values), f'{ratio(seconds, name, BASE):.2f}',
                     f'{rate / 1e9:.0f}', f'{100 * rate / peak:.0f} %'))
    absent = f' Not at hand: {"; ".join(missing)}.' if missing else ''
    return Table(
        f'{manifest.name}, {threads} thread(s)',
        ('', 'median ms', 'p99 ms', f'to {BASE}', 'GFLOP/s', 'of the fp32 peak'), tuple(rows),
        f'{operations / 1e9:.1f} GFLOP without the tail; fp32 matrix product of '
        f'{GEMM}x{GEMM} on the same threads: {peak / 1e9:.0f} GFLOP/s. PyTorch runs the same '
        f'architecture with random weights.{absent}')


def matrix_peak(threads: int, size: int) -> float:
    """Return the best rate of an fp32 matrix product, FLOP/s."""
    try:
        import torch
    except ImportError as error:
        raise NotMeasured(f'PyTorch, whose matrix product is the measure: {error}') from error
    torch.set_num_threads(threads)
    left, right = torch.rand(size, size), torch.rand(size, size)
    best = float('inf')
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - start)
    return 2 * size ** 3 / best


def _engines(
    manifest: Manifest, settings: Settings, threads: int
) -> dict[str, Callable[[NDArray[np.uint8]], Call]]:
    return {
        BASE: lambda image: onnxruntime_call(manifest, image, threads),
        'ONNX Runtime, waiting threads spin': lambda image: onnxruntime_call(
            manifest, image, threads, spin=True),
        'ONNX Runtime, INT8': lambda image: onnxruntime_call(
            load_manifest(settings.model, precision='int8'), image, threads),
        'OpenVINO': lambda image: openvino_call(manifest.onnx_path, image, threads),
        'OpenVINO, INT8': lambda image: openvino_call(
            load_manifest(settings.model, precision='int8').onnx_path, image, threads),
        'PyTorch, channels last': lambda image: torch_call(manifest, image, threads),
        'torch.compile': lambda image: torch_call(
            manifest, image, threads, compile_for=settings.threads[-1]),
    }


def onnxruntime_call(
    manifest: Manifest, image: NDArray[np.uint8], threads: int, *, spin: bool = False
) -> Call:
    """Return a call that runs the model in ONNX Runtime with the options of the backend."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    options.add_session_config_entry('session.intra_op.allow_spinning', str(int(spin)))
    session = onnxruntime.InferenceSession(
        str(manifest.onnx_path), options, providers=['CPUExecutionProvider'])
    return lambda: session.run(None, {manifest.input_name: image})


def openvino_call(graph: Path | bytes, image: NDArray[np.uint8], threads: int) -> Call:
    """Return a call that runs an ONNX graph in OpenVINO, floats in fp32, one frame at a time."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(graph), 'CPU', {
        'INFERENCE_NUM_THREADS': threads, 'NUM_STREAMS': 1, 'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': 'f32'})
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(image))
    return lambda: request.infer()


def torch_call(
    manifest: Manifest, image: NDArray[np.uint8], threads: int, *, compile_for: int = 0
) -> Call:
    """Return a call that runs the same architecture in PyTorch, compiled for so many threads."""
    import torch

    from hybrid_training.config import ModelConfig
    from hybrid_training.export.graph import DeployedNet
    from hybrid_training.models.network import build_network

    network: Any = DeployedNet(build_network(
        ModelConfig(), manifest.class_map.num_classes, pretrained=False))
    network = network.eval().to(memory_format=torch.channels_last)
    if compile_for:
        network = _compile(network, threads, compile_for)
    pixels = torch.from_numpy(image)

    def call() -> None:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            network(pixels)

    return call


def _compile(network: Any, threads: int, wanted: int) -> Any:
    import shutil

    import torch

    if not any(shutil.which(name) for name in ('g++', 'c++', 'clang++')):
        raise NotMeasured('it needs a C++ compiler')
    if threads != wanted:  # the number is compiled in, and a minute goes for each
        raise NotMeasured(f'compiled for {wanted} threads only')
    torch.set_num_threads(threads)
    return torch.compile(network)
