# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception compare``: two bags, or a bag and the truth, for people and for CI."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid_perception.cli.progress import Progress
from hybrid_perception.compare.comparison import Comparison, compare_bags
from hybrid_perception.compare.html_report import write_html
from hybrid_perception.compare.text_report import text_lines
from hybrid_perception.compare.tolerances import (
    Tolerances,
    TruthTolerances,
    load_tolerances,
)
from hybrid_perception.compare.truth import open_truth
from hybrid_perception.compare.truth_comparison import compare_with_truth
from hybrid_perception.compare.truth_report import truth_lines, write_truth_page
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.files import json_text
from hybrid_perception.labels import UNLABELED
from hybrid_perception.outputs import check_page

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'compare',
        help='compare two bags of outputs, or one with ground truth',
        description="Compare the outputs of two replays, or of the node's recordings, matched by "
        'stamp. Ends with 1 when they differ by more than the tolerances; without a file of '
        'tolerances they must be equal to the bit. With --truth: measure one bag against ground '
        'truth (AP, FPR95, open-mIoU, mIoU); ends with 1 when a figure lies outside the '
        'tolerances or a frame is missing.',
        epilog='Examples: hybrid-perception compare golden.mcap new.mcap --html report.html; '
        'hybrid-perception compare seen.mcap --truth labels/ --unknown 19',
    )
    parser.add_argument(
        'first', metavar='A', type=Path, help='the reference: a bag; with --truth what is judged')
    parser.add_argument(
        'second', metavar='B', type=Path, nargs='?', help='the bag that is judged')
    parser.add_argument(
        '--truth', metavar='FOLDER', type=Path,
        help='ground truth instead of B: a clip, or PNG files named by stamp or in the order of '
        'the frames; masks of 0 known, 1 anomaly, 2 or 255 void, or class ids with --unknown')
    parser.add_argument(
        '--unknown', metavar='ID', type=int,
        help='the pictures hold class ids, and this one is the unknown, such as 19; 255 is void')
    parser.add_argument(
        '--tolerances', metavar='JSON', type=Path,
        help='limits such as {"min_mask_iou": 0.99, "max_score_difference": 1e-3}, with --truth '
        '{"min_average_precision": 0.6, "max_fpr95": 0.1}')
    parser.add_argument('--html', metavar='FILE', type=Path, help='write a page with pictures')
    parser.add_argument(
        '--worst', type=int, default=6, metavar='N', help='frames that the page shows')
    parser.add_argument('--json', action='store_true', help='print JSON for other programs')
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare two bags, or one with the truth.

    Returns:
        0 within the tolerances, 1 outside.

    Raises:
        HybridPerceptionError: A bag or a file cannot be used.
    """
    if (arguments.second is None) == (arguments.truth is None):
        arguments.parser.error('compare takes two bags, or one bag and --truth')
    if arguments.unknown is not None and arguments.truth is None:
        arguments.parser.error('--unknown belongs to --truth')
    for path in (arguments.first, arguments.second, arguments.truth):
        if path is not None and not path.exists():
            raise ParameterError(f'{path} does not exist; compare takes two bags, or one and '
                                 '--truth FOLDER')
    if arguments.html is not None:
        check_page(arguments.html, inputs=[
            path for path in (arguments.first, arguments.second, arguments.truth) if path])
    return _with_bag(arguments) if arguments.truth is None else _with_truth(arguments)


def _with_bag(arguments: argparse.Namespace) -> int:
    tolerances = load_tolerances(arguments.tolerances, Tolerances)
    with Progress('compare', None) as progress:
        comparison = compare_bags(arguments.first, arguments.second, progress.step)
    violations = tolerances.violations(comparison.reached())
    if arguments.html is not None:
        write_html(arguments.html, comparison, violations, frames=arguments.worst)
    if arguments.json:
        print(json_text(_document(comparison, violations)), end='')
    else:
        print('\n'.join(text_lines(comparison, violations)))
    return 1 if violations else 0


def _with_truth(arguments: argparse.Namespace) -> int:
    if arguments.unknown is not None and not 1 <= arguments.unknown < UNLABELED:
        raise ParameterError(f'--unknown is {arguments.unknown}; it must be 1..{UNLABELED - 1}')
    tolerances = load_tolerances(arguments.tolerances, TruthTolerances)
    truth = open_truth(arguments.truth, arguments.unknown)
    with Progress('compare', len(truth.files)) as progress:
        comparison = compare_with_truth(arguments.first, truth, progress.step)
    violations = tolerances.violations(comparison.reached())
    if arguments.html is not None:
        write_truth_page(arguments.html, comparison, truth, violations, frames=arguments.worst)
    if arguments.json:
        print(json_text({
            'frames': len(comparison.frames),
            'missing': [file.name for file in comparison.missing],
            'without_truth': comparison.without_truth,
            'figures': comparison.figures,
            'violations': violations,
        }), end='')
    else:
        print('\n'.join(truth_lines(comparison, violations)))
    return 1 if violations else 0


def _document(comparison: Comparison, violations: list[str]) -> dict[str, Any]:
    return {
        'frames': len(comparison.differences),
        'missing': [[prefix, str(stamp)] for prefix, stamp in comparison.missing],
        'extra': [[prefix, str(stamp)] for prefix, stamp in comparison.extra],
        'reached': comparison.reached(),
        'score_percentiles': comparison.score_percentiles,
        'score_drift': comparison.score_drift,
        'times_ms': comparison.times,
        'violations': violations,
    }
