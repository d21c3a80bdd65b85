# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping
import math
from typing import Any

from hybrid_perception.metrics import FPR_RULES
from hybrid_training.evaluation.conventions import conventions_text


def markdown_report(found: Mapping[str, Any]) -> str:
    """Write the figures of an evaluation as Markdown."""
    lines = [f'# {found["model"]}', '']
    if 'closed' in found:
        lines += [f'Closed mIoU: {percent(found["closed"]["miou"])}', '']
    for name, figures in found.get('sets', {}).items():
        lines += [f'## {name}', '', f'{figures["images"]} images', '', *set_lines(figures), '']
    if 'open' in found:
        lines += ['## open-mIoU', '', '| threshold | open-mIoU |', '|---|---|',
                  *(f'| {k} | {percent(v)} |' for k, v in found['open'].items()), '']
    if 'open_cross_fold' in found:
        lines += ['## open-mIoU, thresholds from the other folds', '',
                  *_fold_table(found['open_cross_fold']), '']
    return '\n'.join([*lines, conventions_text(), ''])


def set_lines(figures: Mapping[str, Any]) -> list[str]:
    """Write what was measured of one set, or why nothing was."""
    if 'not_measurable' in figures:
        return [f'Not measurable: {figures["not_measurable"]}.']
    lines = set_table(figures)
    reasons = {f['components_not_measurable'] for f in figures['scores'].values()
               if 'components_not_measurable' in f}
    lines += [line for reason in sorted(reasons)
              for line in ('', f'Components not measurable: {reason}.')]
    protocol = figures['protocol']
    if protocol['per_image']:
        first = next(iter(figures['scores'].values()))
        lines += ['', f'As the authors of this set do, AP, AUROC and FPR95 are means over the '
                  f'{first["images_counted"]} images that hold anomalies. FPR95: '
                  f'{FPR_RULES[protocol["fpr95_rule"]]}. All pixels pooled, by the common rules:',
                  '', *_pooled_table(figures['scores'])]
    return lines


def set_table(figures: Mapping[str, Any]) -> list[str]:
    """Write the lines of one set's table."""
    scores: Mapping[str, Mapping[str, Any]] = figures['scores']
    with_components = any('components' in f for f in scores.values())
    head = ['score', 'AP', 'AUROC', 'FPR95', 'best F1']
    head += ['sIoU', 'PPV', 'F1*'] if with_components else []
    lines = [_row(head), _row(['---'] * len(head))]
    for name, f in scores.items():
        cells = [name, *(_with_interval(f, key) for key in ('ap', 'auroc', 'fpr95')),
                 percent(f['best_f1'])]
        if with_components:
            cells += [percent(f['components'][key]) if 'components' in f else percent(math.nan)
                      for key in ('siou', 'ppv', 'mean_f1')]
        lines.append(_row(cells))
    return lines


def _pooled_table(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    head = ['score', 'pooled AP', 'pooled AUROC', 'pooled FPR95']
    return [_row(head), _row(['---'] * len(head)), *(
        _row([name, *(_with_interval(f['pooled'], key) for key in ('ap', 'auroc', 'fpr95'))])
        for name, f in scores.items())]


def percent(share: float) -> str:
    """Write a share in percent; a figure that does not exist as a dash."""
    return '–' if math.isnan(share) else f'{100 * share:.2f}'


def _with_interval(figures: Mapping[str, Any], key: str) -> str:
    text = percent(figures[key])
    if figures['interval95'] is None:
        return text
    low, high = figures['interval95'][key]
    return f'{text} [{100 * low:.1f}, {100 * high:.1f}]'


def _fold_table(found: Mapping[str, Any]) -> list[str]:
    points = list(found['weighted_mean'])
    rows = [_row(['fold', 'images', *points]), _row(['---'] * (2 + len(points)))]
    for name, fold in found['folds'].items():
        rows.append(_row([name, str(fold['images']), *(percent(fold['open_miou'][p])
                                                       for p in points)]))
    rows.append(_row(['mean by images', '', *(percent(found['weighted_mean'][p])
                                              for p in points)]))
    return rows


def _row(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'
