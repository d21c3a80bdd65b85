# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hybrid_training.cli.arguments import precisions_argument, size_argument
from hybrid_training.cli.quantize import print_losses
from hybrid_training.config import load_config
from hybrid_training.export.tail_names import DEFAULT_TAIL, TAIL_NAMES


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'export', help='turn a checkpoint into ONNX, manifest and card',
        description='Export a checkpoint; measure the graph and choose its thresholds on the '
                    'validation sets of its configuration.',
        epilog='Example: hybrid-training export --checkpoint runs/my/best.pt --output models '
               '--precision fp32,fp16,int8')
    parser.add_argument('--checkpoint', type=Path, required=True, metavar='PT')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR')
    parser.add_argument('--name', help="stem of the files (default: the configuration's name)")
    parser.add_argument('--size', type=size_argument, metavar='WxH',
                        help='input of the graph, multiples of 32 (default: validation.size of '
                             'the configuration)')
    parser.add_argument('--config', type=Path, metavar='YAML',
                        help='take the validation sets from here, not from the checkpoint')
    parser.add_argument('--precision', type=precisions_argument, default=(), metavar='LIST',
                        help='fp32, which is always written, and of fp16 and int8 those that '
                             'are to be written beside it, with commas; int8 is calibrated on '
                             'training pictures')
    parser.add_argument('--data-note', action='append', default=[], metavar='TEXT',
                        help='the training data in words, for the card; may repeat')
    parser.add_argument('--tail', choices=TAIL_NAMES, default=DEFAULT_TAIL,
                        help='how labels and scores reach full size (phase): half and nearest '
                             'are faster with coarser edges, the others for comparison; '
                             'docs/performance.md has times and accuracy')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Export and say where the model is."""
    from hybrid_training.checkpoint import load_checkpoint
    from hybrid_training.config import TrainingConfig
    from hybrid_training.export.pipeline import ExportRequest, export

    if arguments.config:
        config = load_config(arguments.config)
    else:
        config = TrainingConfig.model_validate(load_checkpoint(arguments.checkpoint).config)
    if config.validation is None:
        msg = 'the configuration has no section "validation"; give one with --config'
        raise ValueError(msg)
    manifest = export(ExportRequest(
        arguments.checkpoint, arguments.output, arguments.name or config.name,
        arguments.size or config.validation.size, config.validation, arguments.data,
        tuple(arguments.data_note), arguments.tail, arguments.precision))
    print_losses(manifest)
    print(f'done: {manifest.path}; next: hybrid-perception inspect {manifest.path}')
