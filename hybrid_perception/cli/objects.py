# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception objects``: the unknown things of a recorded drive, as JSON lines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_perception.cli.arguments import (
    active_threshold,
    add_threshold_arguments,
    load_chosen_model,
)
from hybrid_perception.cli.progress import Progress
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.objects.json_lines import write_object_lines
from hybrid_perception.objects.open_set_object import ObjectGate
from hybrid_perception.outputs import check_object_lines
from hybrid_perception.scene import Style

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

_DEFAULTS = ObjectGate()


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'objects',
        help='list the unknown objects of a bag of outputs',
        description='Find the connected parts of the unknown in the outputs of a replay, or of a '
        'recording of the node, follow them over the frames, and write one JSON line for each '
        'object of each frame. Runs no model.',
        epilog='Example: hybrid-perception objects seen.mcap --model models/street.json '
        '--output objects.jsonl',
    )
    parser.add_argument(
        'input', metavar='BAG', type=Path, help='a bag with label and anomaly_score')
    parser.add_argument(
        '--model', metavar='MODEL',
        help='manifest, ONNX file or their directory: the names and thresholds (default: the '
        'shipped model)')
    parser.add_argument(
        '--output', metavar='JSONL', type=Path, required=True, help='file to write')
    add_threshold_arguments(parser)
    add_gate_arguments(parser)
    parser.set_defaults(run=run, parser=parser)


def add_gate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what counts as an object; as the node's parameters objects.*."""
    parser.add_argument(
        '--min-area', type=float, default=_DEFAULTS.min_area, metavar='0..1',
        help=f'least share of the image that an object covers ({_DEFAULTS.min_area})')
    parser.add_argument(
        '--max-count', type=int, default=_DEFAULTS.max_count, metavar='N',
        help=f'most objects of one frame; the largest are kept ({_DEFAULTS.max_count})')


def run(arguments: argparse.Namespace) -> None:
    """List the objects of a bag.

    Raises:
        HybridPerceptionError: The bag, the model or an argument cannot be used, or the file
            cannot be written.
    """
    if not arguments.input.exists():
        raise ParameterError(f'{arguments.input} does not exist; objects takes a bag')
    check_object_lines(arguments.output, inputs=[arguments.input])
    manifest = load_chosen_model(arguments)
    style = Style(active_threshold(arguments, manifest), 0.0, 0.0, 0.0,
                  confidence_range=manifest.confidence_range,
                  objects=ObjectGate(arguments.min_area, arguments.max_count))
    with Progress('objects', None) as progress:
        count = write_object_lines(
            arguments.input, arguments.output, class_map=manifest.class_map, style=style,
            progress=progress.step)
    print(f'{arguments.output}: {count} objects, each counted in every frame')
