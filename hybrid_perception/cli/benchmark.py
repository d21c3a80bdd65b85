# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception benchmark``: which engine and precision to run on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import sys
from typing import TYPE_CHECKING, Any

from hybrid_perception.backends.cores import usable_cores
from hybrid_perception.engine.speed import (
    ENGINES,
    EngineSpeed,
    accuracy,
    fastest,
    measure_speed,
)
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.files import json_text
from hybrid_perception.installed_model import find_installed_model
from hybrid_perception.manifest import PRECISIONS, Manifest, load_manifest

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

HEADER = ('precision', 'backend', 'median ms', 'p99 ms', 'frames/s', 'agrees')


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'benchmark',
        help='time every engine and precision on this machine',
        description='Time every variant of a model in every engine that is installed, by turns, '
        'hold each against ONNX Runtime, and say what to set. All are loaded at once: 1 GB for '
        'the six of the shipped model on a CPU; --precision and --backend take fewer. The time '
        "is the engine's alone; what the node adds is in docs/performance.md. Quiet cores give "
        'honest figures. A TensorRT engine that is not in the cache is built first, which takes '
        'minutes.',
        epilog='Example: hybrid-perception benchmark models/ --threads 2')
    parser.add_argument('model', metavar='MODEL', nargs='?',
                        help='manifest, ONNX file or their directory; the shipped one if absent')
    parser.add_argument('--precision', action='append', choices=PRECISIONS,
                        help='a variant; may be repeated; all of the model if absent')
    parser.add_argument('--backend', action='append', choices=ENGINES,
                        help='an engine; may be repeated; all if absent')
    parser.add_argument('--threads', type=int, metavar='N',
                        help='CPU threads; all usable cores if absent')
    parser.add_argument('--rounds', type=int, default=20, metavar='N',
                        help='how often each is timed (20)')
    parser.add_argument('--json', action='store_true', help='print JSON for other programs')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure and print.

    Raises:
        HybridPerceptionError: The model or an argument cannot be used.
    """
    if arguments.rounds < 1:
        raise ParameterError(f'--rounds is {arguments.rounds}; it must be 1 or more')
    variants = find_variants(
        load_manifest(arguments.model or find_installed_model()), arguments.precision)
    found = measure_speed(
        variants, tuple(dict.fromkeys(arguments.backend or ENGINES)), threads=arguments.threads,
        rounds=arguments.rounds, note=lambda text: print(text, file=sys.stderr))
    report = describe(found, arguments.threads)
    print(json_text(report).rstrip() if arguments.json else _to_text(report))


def find_variants(base: Manifest, precisions: Sequence[str] | None) -> list[Manifest]:
    """Return a model's variants, itself first.

    Raises:
        ParameterError: The model has no such variant.
        ModelError: A variant's files are missing or damaged.
    """
    wanted = precisions or (base.precision, *base.variants)
    return [base if precision == base.precision
            else load_manifest(base.path, precision=precision)
            for precision in dict.fromkeys(wanted)]


def describe(found: Sequence[EngineSpeed], threads: int | None) -> dict[str, Any]:
    """Collect the figures, as JSON types.

    Args:
        found: What was measured.
        threads: CPU threads that were asked for; None for every usable core, as the node has it.
    """
    best = fastest(found)
    return {
        'cores': usable_cores(),
        'threads': usable_cores() if threads is None else threads,
        'rounds': len(found[0].seconds),
        'engines': [{
            'model': speed.manifest.name,
            'precision': speed.manifest.precision,
            'backend': speed.backend,
            'detail': speed.detail,
            'median_ms': 1000 * speed.median,
            'p99_ms': 1000 * speed.p99,
            'frames_per_second': 1 / speed.median,
            'parity': None if speed.parity is None else speed.parity.to_dict(),
            'accuracy': accuracy(speed.manifest),
        } for speed in found],
        'fastest': None if best is None else {
            'precision': best.manifest.precision, 'backend': best.backend,
            **({} if threads is None else {'num_threads': threads})},
    }


def _to_text(report: dict[str, Any]) -> str:
    rows = [HEADER, *(_row(engine) for engine in report['engines'])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]
    accuracies = {engine['precision']: engine['accuracy'] for engine in report['engines']}
    lines += ['', f'{report["rounds"]} round(s) in random order, '
                  f'{report["threads"]} CPU thread(s) on {report["cores"]} usable core(s)']
    lines += [f'accuracy of {precision}: ' + ', '.join(
        f'{name} {value:.1f} %' for name, value in figures.items())
        for precision, figures in accuracies.items() if figures]
    if any(accuracies.values()):
        lines.append('(as the manifest tells; AP and FPR95 are means over its sets)')
    best = report['fastest']
    if best is None:
        lines.append('none of these agrees with ONNX Runtime: set backend: onnxruntime')
    else:
        lines += _advice(best)
    return '\n'.join(lines)


def _advice(best: dict[str, Any]) -> list[str]:
    """Say what to set and where, for a copy: every key is a parameter of the node."""
    *most, last = (f'{name}: {value}' for name, value in best.items())
    pasted = ' '.join(f'-p {name}:={value}' for name, value in best.items())
    return [f'fastest: set {", ".join(most)} and {last}',
            f'(behind perception_node: --ros-args {pasted};',
            ' or in config/perception.yaml, or as arguments of the launch file)']


def _row(engine: dict[str, Any]) -> tuple[str, ...]:
    parity = engine['parity']
    if parity is None:
        agrees = 'the reference'
    else:
        labels = 100 * parity['label_agreement']
        agrees = (f'{"yes" if parity["passed"] else "NO"}: {labels:.2f} % of the labels, '
                  f'scores within {parity["score_difference"]:.2g}')
    return (engine['precision'], engine['backend'], f'{engine["median_ms"]:.1f}',
            f'{engine["p99_ms"]:.1f}', f'{engine["frames_per_second"]:.1f}', agrees)
