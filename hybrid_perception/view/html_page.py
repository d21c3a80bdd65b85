# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A view as one self-contained page: the threshold moves in the browser, without a server."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
import html
from importlib.resources import files
import json
from pathlib import Path
from string import Template
from typing import Any
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import HybridPerceptionError, ParameterError
from hybrid_perception.files import write_whole
from hybrid_perception.labels import UNLABELED
from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.view.legend import Legend
from hybrid_perception.view.object_boxes import ObjectBoxes
from hybrid_perception.view.sampling import sample, shrink
from hybrid_perception.view.thinning import thin
from hybrid_perception.view.view_frame import QUANTILES, ViewFrame

_SCRIPTS = ('pixels.js', 'plots.js', 'page.js')
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80]


def page_frames(
    frames: Iterable[ViewFrame], legend: Legend, *, limit: int, width: int
) -> list[dict[str, Any]]:
    """Pack frames for the page, as they come; never more than ``limit`` are in memory.

    Args:
        frames: read once.
        legend: of the frames.
        limit: largest number of frames, at least 2; of more, an even choice.
        width: largest width of the pictures, pixels.

    Returns:
        One document of JSON types for each frame.
    """
    boxes = ObjectBoxes(legend, legend.points)
    # Followed through every frame that is read, also through those that are given up.
    followed = ((frame, boxes.find(frame)) for frame in frames)
    return thin(followed, limit, lambda item: _page_frame(*item, legend, width))


def write_page(path: Path, legend: Legend, frames: Sequence[dict[str, Any]]) -> None:
    """Write the page.

    Args:
        path: the file.
        legend: of the frames.
        frames: as ``page_frames`` makes them.

    Raises:
        ParameterError: There is no frame.
        HybridPerceptionError: The file cannot be written.
    """
    if not frames:
        raise ParameterError(f'{legend.title} has no frame to show')
    folder = files('hybrid_perception').joinpath('view', 'page')
    # A class name may say '</script>'; in JSON the slash can be escaped.
    data = json.dumps({**_page_legend(legend), 'frames': frames}, allow_nan=False)
    page = Template(folder.joinpath('page.html').read_text(encoding='utf-8')).substitute(
        title=html.escape(legend.title),
        style=folder.joinpath('page.css').read_text(encoding='utf-8'),
        script='\n'.join(folder.joinpath(name).read_text(encoding='utf-8') for name in _SCRIPTS),
        data=data.replace('</', '<\\/').replace('<!--', '<\\u0021--'),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, page)
    except OSError as error:
        raise HybridPerceptionError(f'{path} cannot be written: {error.strerror}') from error


def pack(image: NDArray[np.uint8]) -> str:
    """Pack bytes without loss: differences to the neighbours, deflated, in base64.

    Not as a PNG: a browser gives pixels back through a canvas, which some of them blur on
    purpose against tracking.
    """
    padded = np.pad(image, ((1, 0), (1, 0)))
    difference = image - padded[1:, :-1] - padded[:-1, 1:] + padded[:-1, :-1]
    return base64.b64encode(zlib.compress(difference.tobytes(), 9)).decode('ascii')


def _page_legend(legend: Legend) -> dict[str, Any]:
    scale, classes = legend.scale, legend.class_map
    return {
        'title': legend.title,
        'model': legend.model,
        'alpha': legend.alpha,
        'edges': [float(edge) for edge in scale.edges],
        'resolution': scale.resolution,
        'palette': scale.palette.tolist(),
        'classes': [{'id': number, 'name': name, 'color': list(color)} for number, (name, color)
                    in enumerate(zip(classes.names, classes.colors, strict=True))],
        'unknown': {'name': classes.unknown_name, 'color': list(classes.unknown_color)},
        'points': [
            {'name': name, 'edge': scale.edge(point.threshold), 'threshold': point.threshold,
             'target': point.target, 'data': point.data}
            for name, point in legend.points.items()],
        'quantiles': list(QUANTILES),
        'start': scale.edge(legend.threshold),
        'min_area': legend.gate.min_area,
        'max_count': legend.gate.max_count,
    }


def _page_frame(
    frame: ViewFrame, objects: Mapping[str, Sequence[OpenSetObject]], legend: Legend, width: int
) -> dict[str, Any]:
    codes = legend.scale.encode(sample(frame.score, width))
    height = codes.shape[0]
    label = (np.full(codes.shape, UNLABELED, np.uint8) if frame.label is None
             else sample(frame.label, width))
    return {
        'stamp': str(frame.stamp),
        'seconds': frame.stamp.nanoseconds / 1e9,
        'width': codes.shape[1],
        'height': height,
        'camera': None if frame.camera is None else _jpeg(shrink(frame.camera, width)),
        'label': pack(label),
        'score': pack(codes),
        'histogram': np.bincount(codes.reshape(-1), minlength=256).tolist(),
        'quantiles': frame.quantiles(),
        'objects': {
            str(legend.scale.edge(legend.points[point].threshold)):
                [_page_box(item, codes.shape[1] / frame.score.shape[1],
                           height / frame.score.shape[0]) for item in found]
            for point, found in objects.items()},
        'times': {name: value for name, value in frame.times.items() if np.isfinite(value)},
    }


def _page_box(item: OpenSetObject, across: float, down: float) -> list[float]:
    """Give id, box (x, y, width, height in pixels of the page) and mean score."""
    box = (item.x * across, item.y * down, item.width * across, item.height * down)
    return [item.id, *(round(value, 2) for value in box), round(item.mean_score, 3)]


def _jpeg(rgb: NDArray[np.uint8]) -> str:
    encoded = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), _JPEG)[1]
    return base64.b64encode(encoded.tobytes()).decode('ascii')
