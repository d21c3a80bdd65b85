# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training evaluate`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
import json
from pathlib import Path
from typing import Any

from hybrid_training.cli.arguments import size_argument


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'evaluate', help='measure a checkpoint or an exported model',
        description='Measure closed mIoU, AP/AUROC/FPR95 of every score, and open-mIoU.',
        epilog='Example: hybrid-training evaluate runs/my/best.pt --closed ~/data/my/val '
               '--anomaly ~/data/smiyc_road_anomaly21_val')
    parser.add_argument('model', type=Path, help='checkpoint (.pt), manifest or ONNX file')
    parser.add_argument('--closed', type=Path, metavar='DIR', help='images/ and labels/')
    parser.add_argument('--lookup', type=Path, metavar='JSON',
                        help="table from the label files' ids to train ids, for --closed")
    parser.add_argument('--anomaly', type=Path, metavar='DIR', action='append', default=[],
                        help='images/ and masks/ (0 known, 1 anomaly, 255 void); may repeat')
    parser.add_argument('--open', type=Path, metavar='DIR', dest='open_set',
                        help='images/ and labels/ whose unknown id is K: open-mIoU at TPR 95 of '
                             "the --anomaly sets and at the manifest's operating points")
    parser.add_argument('--size', type=size_argument, default=(512, 1024), metavar='WxH',
                        help='size that pictures are resized to (default 1024x512); an exported '
                             'model has its own')
    parser.add_argument('--closed-size', type=size_argument, metavar='WxH',
                        help='size at which --closed is measured, if its files are squeezed')
    parser.add_argument('--output', type=Path, metavar='JSON', help='write the figures there')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Measure what was asked for, print it, and write it where asked."""
    from hybrid_perception.metrics import threshold_at_tpr
    from hybrid_training.data.folder_pairs import FolderPairs
    from hybrid_training.data.label_ids import lookup_from_json
    from hybrid_training.evaluation.loading import class_names, load_predictor
    from hybrid_training.evaluation.measures import closed_miou, open_mious, pool_scores

    if not (arguments.closed or arguments.anomaly or arguments.open_set):
        msg = 'nothing to measure: give --closed, --anomaly or --open'
        raise ValueError(msg)
    predictor, thresholds = load_predictor(arguments.model, arguments.size)
    names = class_names(arguments.model)
    found: dict[str, Any] = {'model': arguments.model.name}
    if arguments.closed:
        lookup = lookup_from_json(arguments.lookup) if arguments.lookup else None
        pairs = FolderPairs(arguments.closed, lookup=lookup, size=arguments.closed_size)
        miou, iou = closed_miou(predictor, pairs, len(names))
        found['closed'] = {'miou': miou, 'iou': dict(zip(
            names, iou.tolist(), strict=True))}
        print(f'closed mIoU {100 * miou:.2f} %')
    for root in arguments.anomaly:
        pooled = pool_scores(predictor, FolderPairs(root, labels='masks'))
        measures = pooled.measures()
        found.setdefault('anomaly', {})[root.name] = {k: asdict(m) for k, m in measures.items()}
        thresholds[f'tpr95_{root.name}'] = threshold_at_tpr(
            pooled.scores['hybrid'], pooled.anomaly)
        for name, m in measures.items():
            print(f'{root.name:28s} {name:14s} AP {100 * m.ap:6.2f}  AUROC {100 * m.auroc:6.2f}  '
                  f'FPR95 {100 * m.fpr95:6.2f}')
    if arguments.open_set:
        found['open'] = open_mious(
            predictor, FolderPairs(arguments.open_set), len(names),
            {**thresholds, 'no rejection': float('inf')})
        for name, value in found['open'].items():
            print(f'open-mIoU {100 * value:6.2f} % at {name}')
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=2) + '\n', encoding='utf-8')
