# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What `make test-gpu` measured, as docs/gpu-results.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RATE_BAR, P99_BAR, OVERHEAD_BAR = 60.0, 25.0, 3.0
"""Of the whole node at 2048x1024 in FP16: frames a second, ms, and ms beyond the engine."""

TWO = 'engine, two at a time'


@dataclass(frozen=True)
class Latency:
    """Times of one engine, alone or inside the node.

    Attributes:
        what: `engine`, `TWO` (two threads in one engine, as replay has them) or `node`.
        precision: fp32, fp16 or int8.
        size: (height, width) of the network and of the camera image.
        p50: median, ms.
        p99: 99th percentile, ms.
        rate: frames a second.
    """

    what: str
    precision: str
    size: tuple[int, int]
    p50: float
    p99: float
    rate: float


def write_results(path: Path, machine: Mapping[str, str], rows: Sequence[Latency]) -> None:
    """Write the page; without a measurement nothing is written."""
    if not rows:
        return
    lines = [
        '# TensorRT on a GPU, measured', '',
        f'Written by `make test-gpu`; do not edit. "engine" is `infer` with its copies, "{TWO}"',
        'the same by two threads whose copies and computation overlap, "node" the processing',
        'time of `perception_node` from the message to the published label and score;',
        'its rate is that of a camera that sends the next image when the answer has come.', '',
        *(f'* {name}: {value}' for name, value in machine.items()), '',
        '| size | precision | what | p50 ms | p99 ms | frames/s |', '|---|---|---|---|---|---|',
        *(f'| {row.size[1]}x{row.size[0]} | {row.precision} | {row.what} | {row.p50:.2f} | '
          f'{row.p99:.2f} | {row.rate:.1f} |' for row in rows), '', *_bars(rows)]
    path.write_text('\n'.join(lines), encoding='utf-8')


def _bars(rows: Sequence[Latency]) -> list[str]:
    """Judge the bars of the whole node; says so where they were not measured."""
    found = {row.what: row for row in rows
             if (row.precision, row.size) == ('fp16', (1024, 2048))}
    if 'node' not in found or 'engine' not in found:
        return ['The bars, of the whole node at 2048x1024 in FP16, were not measured.', '']
    node, overhead = found['node'], found['node'].p50 - found['engine'].p50
    judged = [
        (f'at least {RATE_BAR:g} frames/s', f'{node.rate:.1f}', node.rate >= RATE_BAR),
        (f'p99 below {P99_BAR:g} ms', f'{node.p99:.2f}', node.p99 < P99_BAR),
        (f'below {OVERHEAD_BAR:g} ms beyond the engine', f'{overhead:.2f}',
         overhead < OVERHEAD_BAR)]
    return ['| whole node, 2048x1024, FP16 | measured | |', '|---|---|---|',
            *(f'| {bar} | {value} | {"met" if met else "**missed**"} |'
              for bar, value, met in judged), '']
