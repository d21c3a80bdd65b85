# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Encoders with the same decoder: arithmetic, size, time in FP32 and INT8."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
import sys
from typing import Any

from benchmark.engines import openvino_call
from benchmark.exported import OUTPUTS, export_network, for_timing_in_int8, open_session
from benchmark.flops import count
from benchmark.interleaved import Seconds, milliseconds, noise, ratio, take_turns
from benchmark.table import Settings, Table
from hybrid_perception.manifest import load_manifest
from hybrid_training.config import ModelConfig
from hybrid_training.models.network import build_network

ENCODERS = (
    'efficientnet_lite0', 'mobilenetv4_conv_small', 'resnet18', 'regnety_002', 'fasternet_t0',
    'hgnetv2_b0', 'convnextv2_atto', 'edgenext_xx_small')
OPENVINO = 'OpenVINO'
CLASSES = 19
SIZE = (512, 1024)
QUICK_SIZE = (64, 128)


def measure(settings: Settings) -> list[Table]:
    """Export each with random weights and time it on all threads."""
    size = QUICK_SIZE if settings.quick else SIZE
    names = ENCODERS[:2] if settings.quick else ENCODERS
    threads = settings.threads[-1]
    graphs, left_out = {}, []
    for name in names:
        try:
            graphs[name] = export_network(build_network(
                ModelConfig(encoder=name, weights='random'), CLASSES, pretrained=False), size)
        except Exception as error:  # another timm may lack one; the rest still count
            left_out.append(f'{name} ({type(error).__name__}: {str(error).splitlines()[0]})')
    seconds = _time(graphs, size, threads, settings.rounds(12))
    trained = _trained(settings)
    rows = [_row(name, graph, seconds, trained) for name, graph in graphs.items()]
    fastest = {kind: min(graphs, key=lambda name, kind=kind: float(ratio(
        seconds, f'{name} {kind}', f'{ENCODERS[0]} fp32'))) for kind in ('fp32', 'int8')}
    note = (
        f'{size[1]}x{size[0]}, {CLASSES} classes, ladder decoder of 128 channels, {threads} '
        f'thread(s), random weights; ratios to {ENCODERS[0]} in FP32. FP32 in ONNX Runtime; INT8 '
        f'in {_int8_engine()}, as `hybrid-training quantize` makes it with no layer kept in float '
        'for its harm, for its time alone. Accuracy: of the models that '
        f'are trained. Fastest here in FP32: {fastest["fp32"]}; in INT8: {fastest["int8"]}. Which '
        'to take: [engine.md](engine.md#encoders).'
        + (f' Left out: {"; ".join(left_out)}.' if left_out else ''))
    return [Table('Encoders with one decoder', (
        'encoder', 'GFLOP', 'parameters, M', 'FP32 ms', 'ratio', 'INT8 ms', 'ratio',
        'mIoU, AP of the first anomaly set'), tuple(rows), note)]


def _time(
    graphs: Mapping[str, Any], size: tuple[int, int], threads: int, rounds: int
) -> Seconds:
    image = noise((1, *size, 3))
    calls = {}
    for name, graph in graphs.items():
        session = open_session(graph, threads)
        calls[f'{name} fp32'] = partial(session.run, None, {'image': image})
        rounded = for_timing_in_int8(graph)
        if _int8_engine() == OPENVINO:
            calls[f'{name} int8'] = openvino_call(rounded.SerializeToString(), image, threads)
        else:
            session = open_session(rounded, threads)
            calls[f'{name} int8'] = partial(session.run, None, {'image': image})
    return take_turns(calls, rounds)


def _int8_engine() -> str:
    """Name the engine that `backend: auto` runs int8 in."""
    return OPENVINO if find_spec('openvino') else 'ONNX Runtime'


def _row(
    name: str, graph: Any, seconds: Seconds, trained: Mapping[str, str]
) -> tuple[str, ...]:
    operations, parameters = count(graph, OUTPUTS)
    cells = [name, f'{operations / 1e9:.1f}', f'{parameters / 1e6:.2f}']
    for kind in ('fp32', 'int8'):
        median, _ = milliseconds(seconds[f'{name} {kind}'])
        cells += [median, f'{ratio(seconds, f"{name} {kind}", f"{ENCODERS[0]} fp32"):.2f}']
    return (*cells, trained.get(name, ''))


def _trained(settings: Settings) -> Mapping[str, str]:
    manifest = load_manifest(settings.model)
    name = str(manifest.provenance.get('network', ENCODERS[0])).split()[0]
    closed = manifest.metrics.get('closed_set', {}).get('miou')
    anomaly = next(iter(manifest.metrics.get('anomaly', {}).values()), {}).get('hybrid', {})
    if closed is None or 'ap' not in anomaly:
        return {}
    return {name: f'{100 * closed:.1f}, {100 * anomaly["ap"]:.1f}'}


if __name__ == '__main__':
    for table in measure(Settings(quick='--quick' in sys.argv[1:])):
        print(table.markdown())
