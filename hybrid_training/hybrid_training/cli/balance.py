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
    from hybrid_training.checkpoint import load_checkpoint, save_checkpoint
    from hybrid_training.config import TrainingConfig, stored_classes, stored_model
    from hybrid_training.head_balance import best_scale, pool_parts, scaled
    from hybrid_training.models.network import build_network
    from hybrid_training.training_data import open_held_out

    checkpoint = load_checkpoint(arguments.checkpoint)
    negatives = open_held_out(TrainingConfig.model_validate(checkpoint.config), arguments.data)
    if negatives is None:
        msg = (f'{arguments.checkpoint}: its run held no negatives out; set '
               'validation.held_out_negatives before training')
        raise ValueError(msg)
    model = build_network(stored_model(checkpoint.config),
                          len(stored_classes(checkpoint.config)), pretrained=False)
    model.load_state_dict(checkpoint.weights)
    scale, found = best_scale(pool_parts(model.eval(), negatives))
    for tried, ap in found.items():
        print(f'scale {tried:<5g} AP {100 * ap:.2f} %{"  <- taken" if tried == scale else ""}')
    save_checkpoint(arguments.output, scaled(checkpoint, scale))
    print(f'done: {arguments.output}; next: hybrid-training export --checkpoint '
          f'{arguments.output} --output models')
