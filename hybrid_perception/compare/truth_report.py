# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A comparison with ground truth, in words and as a page with the worst frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.compare.output_frame import OutputFrame
from hybrid_perception.compare.page import Row, paint_ids, section, write_page
from hybrid_perception.compare.truth import Truth
from hybrid_perception.compare.truth_comparison import (
    JudgedFrame,
    TruthComparison,
    frames_with_truth,
)
from hybrid_perception.labels import UNLABELED
from hybrid_perception.rendering import anomaly_color

TITLES = {
    'average_precision': 'AP of the anomaly score',
    'fpr95': 'FPR95 of the anomaly score',
    'open_miou': 'open-mIoU',
    'miou': 'mIoU, closed set',
}
_SHOWN = 5
_FOUND, _MISSED, _FALSE_ALARM = (0, 158, 115), (213, 94, 0), (240, 228, 66)
"""Okabe and Ito's green, vermilion and yellow: apart for every colour vision."""


def truth_lines(comparison: TruthComparison, violations: list[str]) -> list[str]:
    """Describe a comparison for a terminal."""
    lines = [
        f'bag       {comparison.bag}',
        f'frames    {len(comparison.frames)} judged, {len(comparison.missing)} missing from the '
        f'bag{_listed(comparison.missing)}, {comparison.without_truth} without truth',
        *(f'{title:<28}{100 * comparison.figures[name]:.2f} %'
          for name, title in TITLES.items() if name in comparison.figures),
        *(f'worst     {_describe(frame)}' for frame in comparison.worst(_SHOWN)),
        *(f'OUTSIDE   {violation}' for violation in violations),
    ]
    lines.append('outside the tolerances' if violations else 'within the tolerances')
    return lines


def write_truth_page(
    path: Path, comparison: TruthComparison, truth: Truth, violations: list[str], *,
    frames: int = 6,
) -> None:
    """Write the page; reads the bag again for the pictures.

    Args:
        path: the file.
        comparison: what was found.
        truth: the ground truth.
        violations: what lies outside the tolerances.
        frames: how many of the worst frames are shown.

    Raises:
        HybridPerceptionError: The file cannot be written.
    """
    write_page(path, f'{comparison.bag.name} and the truth', truth_lines(comparison, violations),
               _worst_frames(comparison, truth, frames))


def _worst_frames(comparison: TruthComparison, truth: Truth, count: int) -> Iterator[str]:
    worst = {frame.file: frame for frame in comparison.worst(count)}
    if not worst:
        yield '<p>No frame has a wrong pixel.</p>'
        return
    sections = {file: section(_describe(worst[file]), ('truth', 'node', 'errors'),
                              _rows(frame, truth, file))
                for frame, file in frames_with_truth(comparison.bag, truth) if file in worst}
    yield '<h2>Worst frames</h2>'
    yield '<p>Errors: found green, missed red, false alarm yellow, not judged grey.</p>'
    yield from (sections[file] for file in worst)


def _rows(frame: OutputFrame, truth: Truth, file: Path) -> Iterator[Row]:
    picture = truth.read(file)
    unknown = truth.is_unknown(picture)
    shown = 255 * unknown.astype(np.uint8)
    mask = frame.images.get('open_set_mask')
    if mask is not None:
        errors = _paint_errors(unknown, mask != 0, picture != UNLABELED)
        yield 'open_set_mask', [paint_ids(shown), paint_ids(mask), errors]
    score = frame.images.get('anomaly_score')
    if score is not None:
        finite = score[np.isfinite(score)]
        low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
        painted = anomaly_color(score, vmin=float(low), vmax=float(max(high, low + 1e-3)))
        yield f'anomaly_score: colours from {low:.3g} to {high:.3g}', [paint_ids(shown), painted]
    label = frame.images.get('open_set_label')
    if label is not None and truth.unknown_id is not None:
        wrong = 255 * ((label != picture) & (picture != UNLABELED)).astype(np.uint8)
        yield 'open_set_label', [paint_ids(picture), paint_ids(label), paint_ids(wrong)]


def _paint_errors(
    unknown: NDArray[np.bool_], found: NDArray[np.bool_], counted: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    painted = np.zeros((*unknown.shape, 3), np.uint8)
    painted[unknown & found] = _FOUND
    painted[unknown & ~found] = _MISSED
    painted[~unknown & found] = _FALSE_ALARM
    painted[~counted] = 90
    return painted


def _describe(frame: JudgedFrame) -> str:
    return (f'{frame.file.name} at {frame.stamp}: missed {100 * frame.missed:.3f} %, false alarms '
            f'{100 * frame.false_alarms:.3f} % of the pixels')


def _listed(files: list[Path]) -> str:
    if not files:
        return ''
    return f' ({", ".join(file.name for file in files[:_SHOWN])}' + (
        ', ...)' if len(files) > _SHOWN else ')')
