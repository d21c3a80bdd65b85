# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception compare``: two bags of outputs, for people and for CI."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid_perception.cli.progress import Progress
from hybrid_perception.compare.comparison import Comparison, compare_bags
from hybrid_perception.compare.html_report import write_html
from hybrid_perception.compare.text_report import text_lines
from hybrid_perception.compare.tolerances import load_tolerances
from hybrid_perception.exceptions import ParameterError

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'compare',
        help='compare two bags of outputs frame by frame',
        description="Compare the outputs of two replays, or of the node's recordings, matched by "
        'stamp. Ends with 1 when they differ by more than the tolerances; without a file of '
        'tolerances they must be equal to the bit.',
        epilog='Example: hybrid-perception compare golden.mcap new.mcap --html report.html',
    )
    parser.add_argument('first', metavar='A', type=Path, help='the reference: a bag')
    parser.add_argument('second', metavar='B', type=Path, help='the bag that is judged')
    parser.add_argument(
        '--tolerances', metavar='JSON', type=Path,
        help='limits such as {"min_mask_iou": 0.99, "max_score_difference": 1e-3}')
    parser.add_argument('--html', metavar='FILE', type=Path, help='write a page with pictures')
    parser.add_argument(
        '--worst', type=int, default=6, metavar='N', help='frames that the page shows')
    parser.add_argument('--json', action='store_true', help='print JSON for other programs')
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare two bags.

    Returns:
        0 within the tolerances, 1 outside.

    Raises:
        HybridPerceptionError: A bag or a file cannot be used.
    """
    tolerances = load_tolerances(arguments.tolerances)
    for path in (arguments.first, arguments.second):
        if not path.exists():
            raise ParameterError(f'{path} does not exist; compare takes two bags')
    with Progress('compare', None) as progress:
        comparison = compare_bags(arguments.first, arguments.second, progress.step)
    violations = tolerances.violations(comparison.reached())
    if arguments.html is not None:
        write_html(arguments.html, comparison, violations, frames=arguments.worst)
    if arguments.json:
        print(json.dumps(_document(comparison, violations), indent=2))
    else:
        print('\n'.join(text_lines(comparison, violations)))
    return 1 if violations else 0


def _document(comparison: Comparison, violations: list[str]) -> dict[str, Any]:
    return {
        'frames': len(comparison.differences),
        'missing': [[prefix, str(stamp)] for prefix, stamp in comparison.missing],
        'extra': [[prefix, str(stamp)] for prefix, stamp in comparison.extra],
        'reached': comparison.reached(),
        'score_percentiles': comparison.score_percentiles,
        'times_ms': comparison.times,
        'violations': violations,
    }
