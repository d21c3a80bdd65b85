# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Entry point of ``hybrid-perception``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import logging
import os
import sys

from hybrid_perception import __version__
from hybrid_perception.cli import (
    benchmark,
    calibrate,
    compare,
    engine,
    inspect,
    objects,
    play,
    replay,
    view,
)
from hybrid_perception.exceptions import HybridPerceptionError

# A subcommand is a module with ``add_parser(subparsers)``, which sets ``run`` as its default; that
# returns None or an exit code.
_COMMANDS = (inspect, replay, play, view, compare, objects, calibrate, engine, benchmark)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog='hybrid-perception',
        description='Tools for open-set perception models; only play and view --live need ROS.',
        epilog='Example: hybrid-perception inspect models/street.json',
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    parser.add_argument('--verbose', action='store_true', help='log what is chosen and why')
    subparsers = parser.add_subparsers(metavar='COMMAND', required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Returns:
        Exit code: that of the subcommand, 0 if it has none, or 1 if it failed (one line on
        stderr). Wrong usage exits with 2.
    """
    parsed = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO if parsed.verbose else logging.WARNING)
    code = 0
    try:
        code = parsed.run(parsed) or 0
        sys.stdout.flush()
    except HybridPerceptionError as error:
        print(f'hybrid-perception: error: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; keep Python's exit from complaining again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f'hybrid-perception: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('hybrid-perception: interrupted', file=sys.stderr)
        return 1
    return code


if __name__ == '__main__':
    sys.exit(main())
