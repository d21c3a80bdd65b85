# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training model`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hybrid_training.cli.arguments import size_argument
from hybrid_training.config import ModelConfig, load_config


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'model', help="count a network's parameters and FLOPs, and what the dataset head adds",
        description='Build a network and count parameters and FLOPs (a multiply-add is two), '
                    'without and with the dataset-posterior head. Nothing is trained or loaded.',
        epilog='Example: hybrid-training model --encoder densenet121 --size 2048x1024')
    parser.add_argument('--config', type=Path, metavar='YAML',
                        help='take the network of this training configuration')
    parser.add_argument('--encoder', metavar='NAME', help="timm's name")
    parser.add_argument('--decoder', choices=('ladder', 'deeplabv3plus'))
    parser.add_argument('--channels', type=int, help='of the map that both heads read')
    parser.add_argument('--output-stride', type=int, choices=(16, 32))
    parser.add_argument('--classes', type=int, default=19, metavar='K')
    parser.add_argument('--size', type=size_argument, default=(512, 1024), metavar='WxH',
                        help='multiples of 32 (default: 1024x512)')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Print the counts."""
    config = load_config(arguments.config).model if arguments.config else ModelConfig()
    given = {name: getattr(arguments, name)
             for name in ('encoder', 'decoder', 'channels', 'output_stride')}
    config = ModelConfig.model_validate(
        config.model_dump() | {k: v for k, v in given.items() if v is not None})
    height, width = arguments.size
    if height % 32 or width % 32:
        msg = f'--size {width}x{height}: width and height must be multiples of 32'
        raise ValueError(msg)
    from hybrid_training.models.head_cost import head_cost

    cost = head_cost(config, arguments.classes, arguments.size)
    both = cost.parameters + cost.head_parameters
    print(f'{config}, {arguments.classes} classes, {width}x{height}')
    print(f'{"":16}{"closed set":>16}{"hybrid":>16}{"added":>14}')
    print(f'{"parameters":16}{cost.parameters:16,}{both:16,}{cost.head_parameters:14,}'
          f'  {cost.head_parameters / cost.parameters:+.4%}')
    print(f'{"GFLOPs":16}{cost.flops / 1e9:16.3f}{cost.hybrid_flops / 1e9:16.3f}'
          f'{(cost.hybrid_flops - cost.flops) / 1e9:14.3f}  {cost.relative:+.4%}')
