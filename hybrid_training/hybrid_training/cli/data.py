# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training data`: `check` a set, `preview` what training will see."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hybrid_training.cli.arguments import add_data_argument

if TYPE_CHECKING:
    from hybrid_training.data.check import CheckReport
    from hybrid_training.data.class_list import ClassList
    from hybrid_training.data.labeled_images import ListedPairs

FAULTS_SHOWN = 20
SHEET_TILES = 12
ANOMALY_NAMES = ('known', 'anomaly')
ANOMALY_COLORS = ((90, 110, 90), (255, 80, 0))


def add_parser(subparsers: Any) -> None:
    """Add this subcommand with its own subcommands."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'data', help='check a data set, or preview mixed images',
        description='Look at data before training on it.')
    commands = parser.add_subparsers(metavar='COMMAND', required=True)
    _add_check(commands)
    preview = commands.add_parser(
        'preview', help='draw the first samples that a configuration trains on',
        description='Draw the first training samples of a configuration: mixed images beside '
                    'their labels, pasted pixels white, ignored pixels black.',
        epilog='Example: hybrid-training data preview --config my.yaml --sheet preview.png')
    preview.add_argument('--config', type=Path, required=True, metavar='YAML')
    preview.add_argument('--sheet', type=Path, required=True, metavar='PNG')
    preview.add_argument('--count', type=int, default=SHEET_TILES, metavar='N',
                         help=f'samples to draw (default {SHEET_TILES})')
    add_data_argument(preview)
    preview.set_defaults(run=run_preview)


def _add_check(commands: Any) -> None:
    from hybrid_training.data.registry import SETS

    layouts = '\n'.join(
        f'  {s.name} ({", ".join(s.splits)})\n      {s.layout}' if s.splits
        else f'  {s.name}\n      {s.layout}' for s in SETS.values())
    check = commands.add_parser(
        'check', help='read every file of a set and refuse a wrong encoding',
        description='Read every file of a set: counts, sizes, label values, shares of classes, '
                    'a contact sheet. Ends with 1 and names file and value where something is '
                    'wrong.',
        epilog='Sets, their splits and layouts:\n' + layouts + '\n\nExample: hybrid-training data '
               'check folder ~/my --classes ~/my/classes.yaml --sheet sheet.png',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    check.add_argument('set', choices=list(SETS), metavar='SET')
    check.add_argument('root', type=Path, metavar='ROOT')
    check.add_argument('--split', help='default: the first one listed below')
    check.add_argument('--classes', metavar='YAML',
                       help='classes of your own, or the name of a list (cityscapes, camvid, '
                            'streethazards)')
    check.add_argument('--images', type=Path, metavar='DIR',
                       help='where the images are, for Fishyscapes masks that come alone')
    check.add_argument('--sheet', type=Path, metavar='PNG', help='write a contact sheet there')
    add_data_argument(check)
    check.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> None:
    """Check a set, print what is in it, and fail if anything is wrong with it.

    Raises:
        ValueError: the set has faults; the message holds the first.
    """
    from hybrid_training.config import class_list
    from hybrid_training.data.check import check_set
    from hybrid_training.data.class_list import CLASS_LISTS, wheel_color
    from hybrid_training.data.registry import find_set, open_set

    spec = find_set(arguments.set)
    classes = class_list(arguments.classes, arguments.data) if arguments.classes else None
    pairs = open_set(spec.name, arguments.root, split=arguments.split, classes=classes,
                     images=arguments.images)
    report = check_set(spec, pairs)
    names: tuple[str, ...] = ANOMALY_NAMES
    colors: tuple[tuple[int, int, int], ...] = ANOMALY_COLORS
    if spec.kind == 'inlier':
        shown: ClassList = classes or next(
            (v for k, v in CLASS_LISTS.items() if spec.name.startswith(k)),
            CLASS_LISTS['cityscapes'])
        names, colors = shown.names, shown.colors
    elif spec.kind == 'negative':
        meanings = int(pairs.codes.table[pairs.codes.allowed].max(initial=0)) + 1
        names = tuple(f'id {i}' for i in range(meanings))
        colors = tuple(wheel_color(i) for i in range(meanings))
        if spec.name == 'cutouts':
            names = ('around', 'thing')
    _print_report(report, names)
    if arguments.sheet:
        _write_contact_sheet(arguments.sheet, pairs, colors)
        print(f'sheet: {arguments.sheet}')
    for fault in report.faults[:FAULTS_SHOWN]:
        print(f'fault: {fault}')
    if report.faults:
        msg = f'{len(report.faults)} faults in {arguments.root}, the first: {report.faults[0]}'
        raise ValueError(msg)
    print('no fault found')


def _print_report(report: CheckReport, names: tuple[str, ...]) -> None:
    from hybrid_training.data.label_codes import spans
    from hybrid_training.data.label_ids import VOID

    sizes = ', '.join(f'{w}x{h}: {n}' for (h, w), n in report.sizes.most_common(6))
    labels = (f', {report.labeled} of {report.label_files} label files can be used'
              if report.label_files else ', no labels')
    print(f'{report.images} images{labels}; sizes {sizes}')
    if report.labeled:
        print(f'values in the label files: {spans(np.flatnonzero(report.values))}')
        total = max(1, int(report.meanings.sum()))
        rows = [(i, name) for i, name in enumerate(names)]
        if report.meanings[len(names)] and len(names) != VOID:
            rows.append((len(names), 'unknown'))
        for i, name in (*rows, (VOID, 'void')):
            print(f'  {i:3d} {name:20s} {report.meanings[i] / total:8.3%} of the pixels, in '
                  f'{report.files[i]} files')
        absent = [n for i, n in rows if not report.meanings[i]]
        if absent:
            print(f'warning: nowhere to be found: {", ".join(absent)}')
    for warning in report.warnings:
        print(f'warning: {warning}')


def _write_contact_sheet(
        path: Path, pairs: ListedPairs, colors: tuple[tuple[int, int, int], ...]) -> None:
    from hybrid_training.data.contact_sheet import label_colors, tile, write_sheet

    palette = label_colors(colors)
    tiles = []
    for index in np.linspace(0, len(pairs) - 1, min(SHEET_TILES, len(pairs))).round():
        i = int(index)
        try:
            image = pairs.image(i)
            label = None if pairs.pairs[i].label is None else pairs.codes.table[
                pairs.stored_label(i)]
        except ValueError:
            continue  # among the faults already
        tiles.append(tile(image, label, palette, pairs.names[i], pairs.size or image.shape[:2]))
    if tiles:
        write_sheet(path, tiles)


def run_preview(arguments: argparse.Namespace) -> None:
    """Draw the first samples of a configuration and tell how much of them is pasted.

    Raises:
        ValueError: no sample asked for.
    """
    from hybrid_training.config import class_list, load_config
    from hybrid_training.data.contact_sheet import label_colors, tile, write_sheet
    from hybrid_training.training_data import training_samples

    config = load_config(arguments.config)
    classes = class_list(config.classes, arguments.data)
    if arguments.count < 1:
        msg = f'--count {arguments.count}: want 1 or more'
        raise ValueError(msg)
    samples = training_samples(config, arguments.data)
    count = min(arguments.count, len(samples))
    ignore, negative = len(classes), len(classes) + 1
    palette = label_colors((*classes.colors, (0, 0, 0)))  # the next id, the negatives', is white
    tiles, pasted, without = [], 0.0, 0
    for number in range(count):
        image, label = (np.ascontiguousarray(t.numpy()) for t in samples[number])
        share = float((label == negative).mean())
        pasted += share / count
        without += share == 0
        caption = f'{number}: {share:.1%} pasted, {(label == ignore).mean():.1%} ignored'
        tiles.append(tile(image.transpose(1, 2, 0).copy(), label, palette, caption, label.shape))
    write_sheet(arguments.sheet, tiles)
    print(f'{count} samples: {pasted:.2%} of the pixels pasted, {without} samples without')
    print(f'sheet: {arguments.sheet}')
