# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sheets of pictures beside their labels, to look a set in the eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 320
_CAPTION = 16


def label_colors(colors: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Return (256, 3) uint8 RGB: classes in their colours, the next id white, void black."""
    palette = np.zeros((256, 3), np.uint8)
    palette[:len(colors)] = colors
    palette[len(colors)] = 255
    return palette


def tile(
        image: NDArray[np.uint8], label: NDArray[np.uint8] | None, palette: NDArray[np.uint8],
        caption: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw an image beside its label map laid over it, both in the aspect of `size` (h, w)."""
    shape = (TILE, max(1, round(TILE * size[0] / size[1])))
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    row = [small]
    if label is not None:
        small_label = cv2.resize(label, shape, interpolation=cv2.INTER_NEAREST)
        row.append(cv2.addWeighted(small, 0.35, palette[small_label], 0.65, 0))
    drawn = np.concatenate(row, axis=1)
    head = np.full((_CAPTION, drawn.shape[1], 3), 255, np.uint8)
    cv2.putText(head, caption[-90:], (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1,
                cv2.LINE_AA)
    return np.concatenate([head, drawn])


def write_sheet(path: Path, tiles: Sequence[NDArray[np.uint8]], *, columns: int = 2) -> None:
    """Write tiles as one PNG, row by row.

    Raises:
        ValueError: the file cannot be written.
    """
    rows = []
    for start in range(0, len(tiles), columns):
        row = tiles[start:start + columns]
        height = max(t.shape[0] for t in row)
        rows.append(np.concatenate([_pad(t, height, t.shape[1]) for t in row], axis=1))
    width = max(r.shape[1] for r in rows)
    sheet = np.concatenate([_pad(r, r.shape[0], width) for r in rows])
    encoded = cv2.imencode('.png', sheet[..., ::-1])[1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        msg = f'{path}: cannot write the sheet: {error.strerror}'
        raise ValueError(msg) from error


def _pad(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    below, right = height - picture.shape[0], width - picture.shape[1]
    return np.pad(picture, ((0, below), (0, right), (0, 0)), constant_values=255)
