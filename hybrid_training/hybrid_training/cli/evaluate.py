# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrid_training.cli.arguments import size_argument
from hybrid_training.evaluation.plain_json import plain_json

if TYPE_CHECKING:
    from hybrid_training.data.labeled_images import LabeledImages
    from hybrid_training.evaluation.anomaly_measures import SetMeasures
    from hybrid_training.evaluation.predictors import Predictor
    from hybrid_training.evaluation.score_maps import ScoreSource

STATISTICS_IMAGES = 100


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'evaluate', help='measure a checkpoint, an exported model or score maps',
        description='Measure closed mIoU, AP/AUROC/FPR95 of every score, components, and '
                    'open-mIoU. A folder of score maps measures any method.',
        epilog='Example: hybrid-training evaluate runs/my/best.pt --closed ~/data/my/val '
               '--anomaly ~/data/smiyc_road_anomaly21_val --components anomaly_track '
               '--report runs/my/report')
    parser.add_argument('model', type=Path,
                        help='checkpoint (.pt), manifest, ONNX file, folder with one of them, or '
                             'folder of score maps (.npy, .npz, .tif, .hdf5)')
    parser.add_argument('--closed', type=Path, metavar='DIR',
                        help='images/ and labels/; adds standardised max logits to the scores of '
                             'a checkpoint')
    parser.add_argument('--lookup', type=Path, metavar='FILE',
                        help="from the label files' ids to train ids, for --closed: a JSON "
                             'table or a classes YAML')
    parser.add_argument('--anomaly', metavar='[SET[:SPLIT]=]DIR', action='append', default=[],
                        help='images/ and masks/ (0 known, 1 anomaly, 255 void), or a set of the '
                             'registry (hybrid-training data check --help); may repeat')
    parser.add_argument('--components', choices=['anomaly_track', 'obstacle_track', 'none'],
                        help="measure components with SegmentMeIfYouCan's sizes, or every size")
    parser.add_argument('--open', type=Path, metavar='DIR', dest='open_set', action='append',
                        default=[],
                        help='images/ and labels/ whose unknown id is K: open-mIoU at the '
                             'thresholds of the --anomaly sets and of the manifest; two or more '
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
    from hybrid_training.evaluation.score_maps import ModelScores, ScoreMapFolder
    from hybrid_training.evaluation.set_argument import open_anomaly_set

    predictor, thresholds, names = None, {}, ()
    if _is_model(arguments.model):
        from hybrid_training.evaluation.loading import class_names, load_predictor
        from hybrid_training.scores import SCORES

        predictor, thresholds = load_predictor(
            arguments.model, arguments.size, scores=tuple(SCORES))
        names = class_names(arguments.model)
    elif arguments.closed or arguments.open_set:
        msg = f'{arguments.model}: score maps have no labels; only --anomaly can be measured'
        raise ValueError(msg)
    found: dict[str, Any] = {'model': arguments.model.name}
    if arguments.closed and predictor is not None:
        found['closed'] = _measure_closed(arguments, predictor, names)
    source: ScoreSource = (
        ScoreMapFolder(arguments.model) if predictor is None else ModelScores(predictor))
    opened = dict(open_anomaly_set(text) for text in arguments.anomaly)
    if arguments.submission:
        _submit(arguments, source, opened)
        return
    measured = [_measure_set(source, name, images, arguments.components, found)
                for name, images in opened.items()]
    if arguments.open_set and predictor is not None:
        thresholds |= {f'{point}_{one.name}': threshold for one in measured
                       for point, threshold in one.scores['hybrid'].thresholds().items()}
        _measure_open(arguments.open_set, predictor, len(names), thresholds, found)
    _write(arguments, found, source, measured)


def _is_model(path: Path) -> bool:
    """Tell a model, or a path that should be one, from a folder of score maps."""
    return not path.is_dir() or any(path.glob('*.onnx')) or any(path.glob('*.json'))


def _measure_closed(
        arguments: argparse.Namespace, predictor: Predictor, names: tuple[str, ...],
) -> dict[str, Any]:
    from hybrid_training.data.folder_pairs import FolderPairs
    from hybrid_training.data.lookup import read_lookup
    from hybrid_training.evaluation.known_statistics import known_statistics
    from hybrid_training.evaluation.measures import closed_miou
    from hybrid_training.evaluation.predictors import NetworkPredictor

    lookup = read_lookup(arguments.lookup) if arguments.lookup else None
    pairs = FolderPairs(arguments.closed, lookup=lookup, size=arguments.closed_size)
    miou, iou = closed_miou(predictor, pairs, len(names))
    print(f'closed mIoU {100 * miou:.2f} %')
    if isinstance(predictor, NetworkPredictor) and arguments.anomaly:
        predictor.statistics = known_statistics(
            predictor, pairs, len(names), limit=STATISTICS_IMAGES)
    return {'miou': miou, 'iou': dict(zip(names, iou.tolist(), strict=True))}


def _measure_set(
        source: ScoreSource, name: str, images: LabeledImages, components: str | None,
        found: dict[str, Any]) -> SetMeasures:
    from hybrid_training.evaluation.anomaly_measures import measure_anomalies

    measured = measure_anomalies(source, images, name, components=components)
    figures = measured.figures()
    found.setdefault('sets', {})[name] = figures
    found.setdefault('anomaly', {})[name] = {
        key: {k: f[k] for k in ('ap', 'auroc', 'fpr95')} for key, f in figures['scores'].items()}
    for key, f in figures['scores'].items():
        line = (f'{name:28s} {key:22s} AP {100 * f["ap"]:6.2f}  AUROC {100 * f["auroc"]:6.2f}  '
                f'FPR95 {100 * f["fpr95"]:6.2f}')
        if 'components' in f:
            line += ''.join(f'  {title} {100 * f["components"][k]:6.2f}' for title, k in (
                ('sIoU', 'siou'), ('PPV', 'ppv'), ('F1*', 'mean_f1')))
        print(line)
    return measured


def _measure_open(
        roots: list[Path], predictor: Predictor, num_classes: int, thresholds: dict[str, float],
        found: dict[str, Any]) -> None:
    from hybrid_training.data.folder_pairs import FolderPairs
    from hybrid_training.evaluation.measures import open_mious
    from hybrid_training.evaluation.open_folds import cross_fold_open_miou

    if len(roots) == 1:
        found['open'] = open_mious(predictor, FolderPairs(roots[0]), num_classes,
                                   {**thresholds, 'no rejection': float('inf')})
        for name, value in found['open'].items():
            print(f'open-mIoU {100 * value:6.2f} % at {name}')
        return
    folds = {root.name: FolderPairs(root) for root in roots}
    if len(folds) < len(roots):
        msg = f'folds must have names of their own, got {", ".join(r.name for r in roots)}'
        raise ValueError(msg)
    found['open_cross_fold'] = cross_fold_open_miou(predictor, folds, num_classes)
    for point, value in found['open_cross_fold']['weighted_mean'].items():
        print(f'open-mIoU {100 * value:6.2f} % at {point} of the other folds')


def _submit(arguments: argparse.Namespace, source: ScoreSource,
            opened: dict[str, LabeledImages]) -> None:
    from hybrid_training.evaluation.submission import write_submission

    for name, images in opened.items():
        count = write_submission(source, images, arguments.submission,
                                 method=arguments.model.stem, dataset=name.replace(':', '-'))
        print(f'{name}: {count} frames in {arguments.submission / "anomaly_p"}')


def _write(arguments: argparse.Namespace, found: dict[str, Any], source: ScoreSource,
           measured: list[SetMeasures]) -> None:
    text = plain_json(found)
    if arguments.output:
        arguments.output.write_text(text, encoding='utf-8')
    if arguments.report:
        from hybrid_training.evaluation.report_page import html_report
        from hybrid_training.evaluation.report_table import markdown_report

        arguments.report.mkdir(parents=True, exist_ok=True)
        (arguments.report / 'report.json').write_text(text, encoding='utf-8')
        (arguments.report / 'report.md').write_text(markdown_report(found), encoding='utf-8')
        # Last: the gallery asks for scores once more, and figures are not to be lost meanwhile.
        (arguments.report / 'report.html').write_text(
            html_report(found, source, measured), encoding='utf-8')
        print(f'report: {arguments.report / "report.html"}')
