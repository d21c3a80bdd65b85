# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training evaluate`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
import re
from typing import TYPE_CHECKING, Any

from hybrid_perception.files import json_text
from hybrid_training.cli.arguments import size_argument

if TYPE_CHECKING:
    from hybrid_training.evaluation.evaluation import Evaluation
    from hybrid_training.evaluation.score_maps import ScoreSource
    from hybrid_training.evaluation.set_argument import NamedSet


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'evaluate', help='measure a checkpoint, an exported model or score maps',
        description='Measure closed mIoU, AP/AUROC/FPR95 of every score, components, and '
                    'open-mIoU. A folder of score maps measures any method.',
        epilog='A SET is one of the registry, a SPLIT one of its splits: hybrid-training data '
               'check --help. Example: hybrid-training evaluate runs/my/best.pt --closed '
               'cityscapes:val=~/data/cityscapes --anomaly road-anomaly21=~/data/'
               'dataset_AnomalyTrack --components anomaly_track --report runs/my/report')
    parser.add_argument('model', type=Path,
                        help='checkpoint (.pt), manifest, ONNX file, folder with one of them, or '
                             'folder of score maps (.npy, .npz, .tif, .hdf5)')
    parser.add_argument('--closed', metavar='[SET[:SPLIT]=]DIR',
                        help='images/ and labels/, or a set of the registry; adds standardised '
                             'max logits to the scores of a checkpoint')
    parser.add_argument('--lookup', type=Path, metavar='FILE',
                        help="from the label files' ids to train ids, for --closed DIR: a JSON "
                             'table or a classes YAML')
    parser.add_argument('--anomaly', metavar='[SET[:SPLIT]=]DIR', action='append', default=[],
                        help='images/ and masks/ (0 known, 1 anomaly, 255 void), or a set of the '
                             'registry; may repeat')
    parser.add_argument('--images', metavar='[SET=]DIR', type=_images_argument,
                        action='append', default=[],
                        help='where the images are, for Fishyscapes masks that come alone; SET '
                             'where several sets need different ones')
    parser.add_argument('--components', choices=['anomaly_track', 'obstacle_track', 'none'],
                        help="measure components with SegmentMeIfYouCan's sizes, or every size")
    parser.add_argument('--open', metavar='[SET[:SPLIT]=]DIR', dest='open_set', action='append',
                        default=[],
                        help='images/ and labels/ whose unknown id is K, or a set of the '
                             'registry: open-mIoU at the thresholds of the --anomaly sets and of '
                             'the manifest; two or more, and the towns of streethazards-open, '
                             'are folds: each at the thresholds of the others')
    parser.add_argument('--size', type=size_argument, default=(512, 1024), metavar='WxH',
                        help='size that pictures are resized to (default 1024x512); an exported '
                             'model has its own')
    parser.add_argument('--closed-size', type=size_argument, metavar='WxH',
                        help='size at which --closed is measured, if its files are squeezed')
    parser.add_argument('--output', type=Path, metavar='JSON', help='write the figures there')
    parser.add_argument('--report', type=Path, metavar='DIR',
                        help='write report.json, report.md and report.html there')
    parser.add_argument('--submission', type=Path, metavar='DIR',
                        help="only write the --anomaly sets in SegmentMeIfYouCan's form: "
                             'DIR/anomaly_p/METHOD/SET/FRAME.hdf5, METHOD as the model is called')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Measure what was asked for, print it, and write it where asked."""
    if not (arguments.closed or arguments.anomaly or arguments.open_set):
        msg = 'nothing to measure: give --closed, --anomaly or --open'
        raise ValueError(msg)
    # Before anything is measured: minutes are not to be lost for want of a folder.
    for folder in (arguments.report, arguments.output and arguments.output.parent):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    from hybrid_training.evaluation.evaluation import Evaluation, check_folders_apart
    from hybrid_training.evaluation.score_maps import ModelScores, ScoreMapFolder
    from hybrid_training.evaluation.set_argument import open_anomaly_sets

    evaluation = Evaluation(arguments.model.name)
    if not _is_model(arguments.model):
        if arguments.closed or arguments.open_set:
            msg = f'{arguments.model}: score maps have no labels; only --anomaly can be measured'
            raise ValueError(msg)
        maps = ScoreMapFolder(arguments.model)
        strange = open_anomaly_sets(arguments.anomaly, dict(arguments.images))
        check_folders_apart(strange, arguments.model)
        _measure(arguments, evaluation, maps, strange)
        return
    from hybrid_training.evaluation.loading import load_predictor, model_classes
    from hybrid_training.evaluation.set_argument import open_class_sets
    from hybrid_training.scores import SCORES

    predictor, thresholds = load_predictor(
        arguments.model, arguments.size, scores=tuple(SCORES))
    names, classes = model_classes(arguments.model)
    # Every set is opened before anything is measured: a wrong path is told at once.
    strange = open_anomaly_sets(arguments.anomaly, dict(arguments.images))
    closed = open_class_sets(
        [arguments.closed] if arguments.closed else [], classes, names,
        size=arguments.closed_size, lookup=arguments.lookup)
    folds = open_class_sets(arguments.open_set, classes, names, folds=True)
    for known in closed:
        evaluation.closed(predictor, known, names, with_statistics=bool(strange))
    _measure(arguments, evaluation, ModelScores(predictor), strange, lambda: evaluation.opened(
        predictor, folds, len(names), thresholds | evaluation.thresholds()) if folds else None)


def _measure(arguments: argparse.Namespace, evaluation: Evaluation, source: ScoreSource,
             strange: Sequence[NamedSet], then: Callable[[], None] = lambda: None) -> None:
    """Measure or submit the anomaly sets, then the rest, and write what was found."""
    if arguments.submission:
        _submit(arguments, source, strange)
        return
    for one in strange:
        evaluation.anomalies(source, one, arguments.components)
    then()
    _write(arguments, evaluation, source)


def _is_model(path: Path) -> bool:
    """Tell a model, or a path that should be one, from a folder of score maps."""
    return not path.is_dir() or any(path.glob('*.onnx')) or any(path.glob('*.json'))


def _images_argument(text: str) -> tuple[str, Path]:
    """Parse `[SET=]DIR`."""
    name, separator, place = text.partition('=')
    return (name, Path(place).expanduser()) if separator else ('', Path(text))


def _submit(arguments: argparse.Namespace, source: ScoreSource,
            strange: Sequence[NamedSet]) -> None:
    from hybrid_training.evaluation.submission import write_submission

    for one in strange:
        count = write_submission(
            source, one.images, arguments.submission, method=arguments.model.stem,
            dataset=re.sub(r'[^\w.-]', '-', one.name))
        print(f'{one.name}: {count} frames in {arguments.submission / "anomaly_p"}')


def _write(arguments: argparse.Namespace, evaluation: Evaluation, source: ScoreSource) -> None:
    found = evaluation.found
    text = json_text(found)
    if arguments.output:
        arguments.output.write_text(text, encoding='utf-8')
    if arguments.report:
        from hybrid_training.evaluation.report_page import html_report
        from hybrid_training.evaluation.report_table import markdown_report

        (arguments.report / 'report.json').write_text(text, encoding='utf-8')
        (arguments.report / 'report.md').write_text(markdown_report(found), encoding='utf-8')
        # Last: the gallery asks for scores once more, and figures are not to be lost meanwhile.
        (arguments.report / 'report.html').write_text(
            html_report(found, source, evaluation.measured), encoding='utf-8')
        print(f'report: {arguments.report / "report.html"}')
