# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Argument types that subcommands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from hybrid_perception.manifest import PRECISIONS


def size_argument(text: str) -> tuple[int, int]:
    """Parse WIDTHxHEIGHT into (height, width).

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    width, separator, height = text.lower().partition('x')
    if not (separator and width.isdigit() and height.isdigit() and int(width) and int(height)):
        msg = f'{text!r} is not a size; want WIDTHxHEIGHT, for example 1024x512'
        raise argparse.ArgumentTypeError(msg)
    return int(height), int(width)


def precisions_argument(text: str) -> tuple[str, ...]:
    """Parse `fp32,fp16,int8` into those that are derived from the fp32 graph.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    names = [name.strip() for name in text.split(',')]
    if not set(names) <= set(PRECISIONS):
        msg = f'{text!r}: want some of {", ".join(PRECISIONS)}, with commas'
        raise argparse.ArgumentTypeError(msg)
    return tuple(name for name in PRECISIONS[1:] if name in names)


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--data`, the folder that `{data}` in configurations stands for."""
    parser.add_argument(
        '--data', type=Path, metavar='DIR',
        default=Path(os.environ.get('HYBRID_PERCEPTION_DATA', 'data')),
        help='folder that {data} stands for (default: $HYBRID_PERCEPTION_DATA, else '
             'data)')
