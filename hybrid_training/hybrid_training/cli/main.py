# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Entry point of `hybrid-training`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import sys

from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_training.cli import balance, claim, data, evaluate, export, model, quantize, train
from hybrid_training.cli.arguments import add_data_argument
from hybrid_training.exceptions import HybridTrainingError

# A subcommand is a module with `add_parser(subparsers)`, which sets `run` as its default.
_COMMANDS = (train, evaluate, balance, claim, export, quantize)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog='hybrid-training',
        description='Check data; train, evaluate and export open-set models.',
        epilog='Example: hybrid-training train --config my.yaml --data ~/data --output runs/my')
    subparsers = parser.add_subparsers(metavar='COMMAND', required=True)
    for command in _COMMANDS:
        add_data_argument(command.add_parser(subparsers))
    model.add_parser(subparsers)  # reads no data
    data.add_parser(subparsers)  # its own subcommands take --data
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Returns:
        Exit code: 0, or 1 if it failed (one line on stderr). Wrong usage exits with 2.
    """
    parsed = build_parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except (HybridTrainingError, HybridPerceptionError, ValueError, OSError) as error:
        print(f'hybrid-training: error: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('hybrid-training: interrupted', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
