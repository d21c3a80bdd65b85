# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A comparison as one self-contained page, with the worst frames side by side."""

from __future__ import annotations

import base64
from collections.abc import Iterator
import html
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.compare.comparison import Comparison, paired_frames
from hybrid_perception.compare.difference import score_distance
from hybrid_perception.compare.output_frame import OutputFrame
from hybrid_perception.compare.text_report import describe, text_lines
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.rendering import anomaly_color

_WIDTH = 480
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1500px;padding:0 1rem}
pre{background:#8881;padding:1rem;overflow:auto}table{border-collapse:collapse}
td{padding:.2rem .4rem;vertical-align:top}img{width:100%;image-rendering:pixelated}
"""


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
    text = '\n'.join(text_lines(comparison, violations))
    title = f'{comparison.first.name} and {comparison.second.name}'
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<style>{_STYLE}</style><h1>{html.escape(title)}</h1><pre>{html.escape(text)}</pre>',
        *_worst_frames(comparison, frames), '</html>\n']
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(''.join(parts), encoding='utf-8')
    except OSError as error:
        raise HybridPerceptionError(f'{path} cannot be written: {error.strerror}') from error


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
        cells = ''.join(f'<td><img alt="" src="data:image/png;base64,{_png(picture)}"></td>'
                        for picture in pictures)
        rows.append(f'<tr><td colspan="3">{html.escape(name)}: {html.escape(caption)}</td></tr>'
                    f'<tr>{cells}</tr>')
    return (f'<h3>{html.escape(title)}</h3><table><tr><th>first</th><th>second</th>'
            f'<th>where they differ</th></tr>{"".join(rows)}</table>')


def _pictures(one: NDArray[Any], other: NDArray[Any]) -> tuple[
    list[NDArray[np.uint8]], str
]:
    """Paint both images and their difference; say where it begins."""
    if one.dtype == np.float32:
        finite = one[np.isfinite(one)]
        low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
        scale = {'vmin': float(low), 'vmax': float(max(high, low + 1e-3))}
        shown = [anomaly_color(image, **scale) for image in (one, other)]
        caption = f'colours from {scale["vmin"]:.3g} to {scale["vmax"]:.3g}; '
        differing = score_distance(one, other) > 0
    else:
        shown = [_ids(image) for image in (one, other)]
        caption = ''
        differing = (one != other if one.shape == other.shape
                     else np.ones(one.shape, np.bool_))
    rows, columns = np.nonzero(differing)
    caption += (f'{rows.size} pixels differ, the first at x {columns[0]}, y {rows[0]}'
                if rows.size else 'equal')
    # One pixel would be lost when the picture is made smaller.
    reach = 2 * max(1, round(one.shape[1] / _WIDTH)) + 1
    wide = cv2.dilate(differing.astype(np.uint8), np.ones((reach, reach), np.uint8))
    shown.append(np.repeat(255 * wide[..., None], 3, axis=2).astype(np.uint8))
    return [_shrink(picture) for picture in shown], caption


def _ids(label: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paint ids so that neighbours differ, 255 black; a mask stays black and white."""
    if set(np.unique(label)) <= {0, 255}:
        return np.repeat(label[..., None], 3, axis=2)
    spread = (label.astype(np.uint16) * 83 % 251).astype(np.uint8)
    painted = cv2.cvtColor(cv2.applyColorMap(spread, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    painted[label == 255] = 0
    return np.asarray(painted, np.uint8)


def _shrink(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if width <= _WIDTH:
        return picture
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _png(picture: NDArray[np.uint8]) -> str:
    encoded = cv2.imencode('.png', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    return base64.b64encode(encoded.tobytes()).decode('ascii')
