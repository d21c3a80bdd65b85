# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training balance`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'balance', help='weigh the two parts of the score on held-out negatives',
        description='Choose the scale of the dataset logit by the AP of the hybrid score on the '
                    'negatives that the run held out (validation.held_out_negatives), and write '
                    'a checkpoint whose head has it. No anomaly set is looked at.',
        epilog='Example: hybrid-training balance --checkpoint runs/my/best.pt '
               '--output runs/my/balanced.pt')
    parser.add_argument('--checkpoint', type=Path, required=True, metavar='PT')
    parser.add_argument('--output', type=Path, required=True, metavar='PT')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Choose, print every AP, and write."""
    from hybrid_training.head_balance import balance

    scale, found = balance(arguments.checkpoint, arguments.output, arguments.data)
    for tried, ap in found.items():
        print(f'scale {tried:<5g} AP {100 * ap:.2f} %{"  <- taken" if tried == scale else ""}')
    print(f'done: {arguments.output}; next: hybrid-training export --checkpoint '
          f'{arguments.output} --output models')
