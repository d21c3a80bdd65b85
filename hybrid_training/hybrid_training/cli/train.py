# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training train`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hybrid_training.config import load_config


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'train', help='train a model, or go on with a run',
        description='Train a model. A run folder that holds last.pt is gone on with.',
        epilog='Example: hybrid-training train --config my.yaml --data ~/data --output runs/my')
    parser.add_argument('--config', type=Path, required=True, metavar='YAML')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR', help='run folder')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Train to the end and say where the result is."""
    config = load_config(arguments.config)
    from hybrid_training.train import train  # late: torch takes seconds, usage errors should not

    last = train(config, arguments.output, data_root=arguments.data)
    best = last.with_name('best.pt')
    print(f'done: {last}; next: hybrid-training export --checkpoint '
          f'{best if best.is_file() else last} --data {arguments.data} --output '
          f'{arguments.output / "model"}')
