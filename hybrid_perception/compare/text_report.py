# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A comparison in words."""

from __future__ import annotations

import numpy as np

from hybrid_perception.compare.comparison import Comparison, FrameKey
from hybrid_perception.compare.difference import FrameDifference

ROWS = (
    ('label_agreement', 'label agreement', min, 'lowest'),
    ('open_set_label_agreement', 'open-set label agreement', min, 'lowest'),
    ('mask_iou', 'mask IoU', min, 'lowest'),
    ('score_mean', 'score difference, mean', max, 'highest'),
    ('score_max', 'score difference, largest', max, 'highest'),
)
_SHOWN = 5


def text_lines(comparison: Comparison, violations: list[str]) -> list[str]:
    """Describe a comparison for a terminal."""
    lines = [
        f'first     {comparison.first}',
        f'second    {comparison.second}',
        f'frames    {len(comparison.differences)} in both, {len(comparison.missing)} missing from '
        f'the second{_listed(comparison.missing)}, {len(comparison.extra)} extra'
        f'{_listed(comparison.extra)}',
    ]
    for name, title, worst, word in ROWS:
        values = comparison.values(name)
        if values:
            lines.append(f'{title:<26}mean {np.mean(values):.9g}, {word} {worst(values):.9g}')
    if comparison.score_percentiles:
        shown = ', '.join(f'{percent:g} % {value:.3g}'
                          for percent, value in comparison.score_percentiles.items())
        lines.append(f'{"score difference, pixels":<26}{shown}')
    if comparison.score_drift is not None:
        lines.append(f'{"score drift":<26}{comparison.score_drift:.3g} (0: distributed alike, 1: '
                     'nothing in common)')
    for name, times in comparison.times.items():
        shown = ' -> '.join(f'median {median:.1f}, 95 % {high:.1f}' for median, high in times)
        lines.append(f'{name:<26}{shown}')
    lines += [f'worst     {describe(entry)}' for entry in comparison.worst(_SHOWN)]
    lines += [f'OUTSIDE   {violation}' for violation in violations]
    lines.append('outside the tolerances' if violations else 'within the tolerances')
    return lines


def describe(entry: FrameDifference) -> str:
    """Describe a frame in a line."""
    numbers = ', '.join(f'{title} {getattr(entry, name):.9g}' for name, title, _, _ in ROWS
                        if getattr(entry, name) is not None)
    return f'{entry.prefix} at {entry.stamp}: {numbers}'


def _listed(keys: list[FrameKey]) -> str:
    if not keys:
        return ''
    shown = ', '.join(str(stamp) for _, stamp in keys[:_SHOWN])
    return f' (at {shown}{", ..." if len(keys) > _SHOWN else ""})'
