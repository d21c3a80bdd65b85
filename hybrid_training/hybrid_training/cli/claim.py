# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training claim`."""

from __future__ import annotations

import argparse
from pathlib import Path
import time
from typing import TYPE_CHECKING, Any

from hybrid_perception.files import json_text, write_whole

if TYPE_CHECKING:
    from hybrid_training.claim.arms import Arms

CONFIGS = Path(__file__).parents[1] / 'configs'


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'claim', help="show the paper's claim: hybrid against its parts, one network, one budget",
        description='Train a closed-set start and two arms from it (without negatives, and with '
                    'the hybrid recipe), or reuse those in --runs; measure every score of both, '
                    'closed mIoU and the latency of the exported graph; write results.md.',
        epilog='Example: hybrid-training claim --data ~/data --runs runs --output docs')
    parser.add_argument('--runs', type=Path, default=Path('runs'), metavar='DIR',
                        help='folder of the run folders; finished ones are reused, cut ones gone '
                             'on with (default: runs)')
    parser.add_argument('--output', type=Path, default=Path('docs'), metavar='DIR',
                        help='gets results.md and results/ (default: docs)')
    parser.add_argument('--base', type=Path, metavar='YAML', default=CONFIGS / 'claim_base.yaml',
                        help='configuration of the start (default: claim_base.yaml)')
    for arm in ('closed', 'hybrid'):
        stages = (f'claim_{arm}.yaml', f'{arm}_finish.yaml')
        parser.add_argument(f'--{arm}', type=Path, metavar='YAML', nargs='+',
                            default=[CONFIGS / name for name in stages],
                            help=f'configurations of its stages (default: {" ".join(stages)})')
    parser.add_argument('--evaluate-only', action='store_true',
                        help='train nothing; take the checkpoints as they are')
    parser.add_argument('--limit', type=_count, metavar='N',
                        help='use only N pictures of each set, to try the command')
    parser.add_argument('--rounds', type=_count, default=120, metavar='N',
                        help='how often latency is timed (120)')
    parser.add_argument('--jobs', type=_count, metavar='N',
                        help='processes that measure at a time (default: one per core, at most 4)')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Train what is missing, measure, write, and say which bars are met."""
    from hybrid_training.claim.arms import balanced, check_trained, open_arms, train_missing

    arms = open_arms(arguments.base, arguments.closed, arguments.hybrid, arguments.runs)
    say = _Clock()
    if not arguments.evaluate_only:
        train_missing(arms, arguments.data, say)
    check_trained(arms, say)
    arms = balanced(arms, arguments.data, say)
    found = _measure(arguments, arms, say)
    for bar in found['bars']:
        print(f'{"met    " if bar["met"] else "NOT MET"} {bar["asked"]}: {bar["reached"]}')
    print(f'results: {arguments.output / "results.md"}')


class _Clock:
    """Print with the time since the start: the whole takes minutes."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - self._start), 60)
        print(f'{minutes:3d}:{seconds:02d} {text}', flush=True)


def _measure(arguments: argparse.Namespace, arms: Arms, say: _Clock) -> dict[str, Any]:
    from hybrid_perception.backends.cores import usable_cores
    from hybrid_training.claim.bars import as_values, bars, counted_sets, differences
    from hybrid_training.claim.figures import write_figures
    from hybrid_training.claim.measuring import Protocol, measure_arms
    from hybrid_training.claim.overhead import measure_overhead
    from hybrid_training.claim.results_page import results_page
    from hybrid_training.evaluation.conventions import CONVENTIONS

    protocol = Protocol.of(arms, arguments.data, arguments.limit)
    measured = measure_arms(
        arms, protocol, jobs=arguments.jobs or min(4, usable_cores()), say=say)
    say('latency of the exported graph')
    overhead = measure_overhead(
        arms.hybrid.checkpoint, protocol.validation.size, rounds=arguments.rounds)
    compared = differences(measured['hybrid'])
    found = {
        'bars': as_values(bars(measured, overhead, compared)),
        'counted_sets': counted_sets(measured['hybrid']),
        'hybrid_less_part': compared, 'overhead': overhead, 'limit': arguments.limit,
        'conventions': CONVENTIONS,
        'arms': {arm.name: {
            'miou': measured[arm.name].miou, 'iou': measured[arm.name].iou,
            'budget': arm.budget(),
            'sets': {name: {key: score.figures for key, score in scores.items()}
                     for name, scores in measured[arm.name].sets.items()}} for arm in arms}}
    folder = arguments.output / 'results'
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / 'results.json', json_text(found))
    write_figures(measured, folder)
    (arguments.output / 'results.md').write_text(results_page(found), encoding='utf-8')
    say('written')
    return found


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        msg = f'{text!r} is not a number of at least 1'
        raise argparse.ArgumentTypeError(msg)
    return int(text)
