# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A comparison as one self-contained page, with the worst frames side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.compare.comparison import Comparison, paired_frames
from hybrid_perception.compare.difference import score_distance
from hybrid_perception.compare.output_frame import OutputFrame
from hybrid_perception.compare.page import WIDTH, paint_ids, section, write_page
from hybrid_perception.compare.text_report import describe, text_lines
from hybrid_perception.rendering import anomaly_color


def write_html(
    path: Path, comparison: Comparison, violations: list[str], *, frames: int = 6
) -> None:
    """Write the page.

    Reads the bags again for the pictures, so that a comparison needs no memory for them.

    Args:
        path: the file.
        comparison: what was found.
        violations: what lies outside the tolerances.
        frames: how many of the worst frames are shown.

    Raises:
        HybridPerceptionError: The file cannot be written.
    """
    write_page(
        path, f'{comparison.first.name} and {comparison.second.name}',
        text_lines(comparison, violations), _worst_frames(comparison, frames))


def _worst_frames(comparison: Comparison, count: int) -> Iterator[str]:
    worst = {(entry.prefix, entry.stamp): entry for entry in comparison.worst(count)}
    if not worst:
        yield '<p>No frame differs.</p>'
        return
    sections = {}
    for pair in paired_frames(comparison.first, comparison.second):
        key = pair.either.prefix, pair.either.stamp
        if key in worst and pair.first is not None and pair.second is not None:
            sections[key] = _section(describe(worst[key]), pair.first, pair.second)
            if len(sections) == len(worst):
                break
    yield '<h2>Worst frames</h2>'
    yield from (sections[key] for key in worst)


def _section(title: str, first: OutputFrame, second: OutputFrame) -> str:
    rows = []
    for name, one in first.images.items():
        other = second.images[name]
        pictures, caption = _pictures(one, other)
        rows.append((f'{name}: {caption}', pictures))
    return section(title, ('first', 'second', 'where they differ'), rows)


def _pictures(one: NDArray[Any], other: NDArray[Any]) -> tuple[
    list[NDArray[np.uint8]], str
]:
    """Paint both images and their difference; say where it begins."""
    if one.dtype == np.float32:
        finite = one[np.isfinite(one)]
        low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
        vmin, vmax = float(low), float(max(high, low + 1e-3))
        shown = [anomaly_color(image, vmin=vmin, vmax=vmax) for image in (one, other)]
        caption = f'colours from {vmin:.3g} to {vmax:.3g}; '
        differing = score_distance(one, other) > 0
    else:
        shown = [paint_ids(image) for image in (one, other)]
        caption = ''
        differing = (one != other if one.shape == other.shape
                     else np.ones(one.shape, np.bool_))
    rows, columns = np.nonzero(differing)
    caption += (f'{rows.size} pixels differ, the first at x {columns[0]}, y {rows[0]}'
                if rows.size else 'equal')
    # One pixel would be lost when the picture is made smaller.
    reach = 2 * max(1, round(one.shape[1] / WIDTH)) + 1
    wide = cv2.dilate(differing.astype(np.uint8), np.ones((reach, reach), np.uint8))
    shown.append(np.repeat(255 * wide[..., None], 3, axis=2).astype(np.uint8))
    return shown, caption
