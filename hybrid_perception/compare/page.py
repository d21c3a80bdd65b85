# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of a self-contained page with pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
import html
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.files import write_whole
from hybrid_perception.outputs import GENERATOR

WIDTH = 480
"""Pixels to which wider pictures are made smaller."""

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1500px;padding:0 1rem}
pre{background:#8881;padding:1rem;overflow:auto}table{border-collapse:collapse}
td{padding:.2rem .4rem;vertical-align:top}img{width:100%;image-rendering:pixelated}
"""
Row = tuple[str, Sequence[NDArray[np.uint8]]]
"""A caption and pictures, (H, W, 3) uint8 RGB each."""


def write_page(path: Path, title: str, lines: Sequence[str], sections: Iterable[str]) -> None:
    """Write a page of a heading, text in lines, and sections of HTML.

    Raises:
        HybridPerceptionError: The file cannot be written.
    """
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8">{GENERATOR}'
        f'<title>{html.escape(title)}</title>'
        f'<style>{_STYLE}</style><h1>{html.escape(title)}</h1>'
        f'<pre>{html.escape(chr(10).join(lines))}</pre>', *sections, '</html>\n']
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, ''.join(parts))
    except OSError as error:
        raise HybridPerceptionError(f'{path} cannot be written: {error.strerror}') from error


def section(title: str, columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Lay out pictures side by side under a heading."""
    lines = []
    for caption, pictures in rows:
        cells = ''.join(
            f'<td><img alt="" src="data:image/png;base64,{_png(_shrink(picture))}"></td>'
            for picture in pictures)
        lines.append(f'<tr><td colspan="{len(columns)}">{html.escape(caption)}</td></tr>'
                     f'<tr>{cells}</tr>')
    head = ''.join(f'<th>{html.escape(column)}</th>' for column in columns)
    return f'<h3>{html.escape(title)}</h3><table><tr>{head}</tr>{"".join(lines)}</table>'


def paint_ids(label: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paint ids so that neighbours differ, 255 black; a mask stays black and white."""
    if set(np.unique(label)) <= {0, 255}:
        return np.repeat(label[..., None], 3, axis=2)
    spread = (label.astype(np.uint16) * 83 % 251).astype(np.uint8)
    painted = cv2.cvtColor(cv2.applyColorMap(spread, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    painted[label == 255] = 0
    return np.asarray(painted, np.uint8)


def _shrink(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if width <= WIDTH:
        return picture
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _png(picture: NDArray[np.uint8]) -> str:
    encoded = cv2.imencode('.png', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    return base64.b64encode(encoded.tobytes()).decode('ascii')
