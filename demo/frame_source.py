# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where the demo's pictures come from: the bundled clip, a folder, a video file or a camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.picture import PICTURE_SUFFIXES, list_pictures, read_picture

FOLDER_FPS = 10.0
CAMERA_FPS = 30.0


class SourceError(Exception):
    """The source cannot be played; the message says what would be right."""


@dataclass(frozen=True)
class FrameSource:
    """Frames and how to play them.

    Attributes:
        fps: Frame rate, Hz.
        frames: (H, W, 3) uint8 BGR pictures, read while iterating.
        live: The source sets the pace itself.
        camera_matrix: Nine numbers, row by row; empty where unknown.
        labels: Folder of ground truth, one (H, W) uint8 picture per frame; None without.
    """

    fps: float
    frames: Iterator[NDArray[Any]]
    live: bool = False
    camera_matrix: tuple[float, ...] = ()
    labels: Path | None = None


def open_source(source: str) -> FrameSource:
    """Open a clip folder, a folder of pictures, a video file or a camera device.

    Args:
        source: A path, or the number of a camera.

    Raises:
        SourceError: There is nothing that can be played.
    """
    if source.isdigit() or source.startswith('/dev/'):
        return _open_camera(source)
    path = Path(source)
    if (path / 'clip.json').is_file():
        return _open_clip(path)
    if path.is_dir():
        return FrameSource(FOLDER_FPS, _read_pictures(_list_pictures(path)))
    if path.is_file():
        return _open_video(path)
    raise SourceError(
        f'{source} does not exist; give a video file, a folder of pictures, a folder with '
        'clip.json, or a camera such as /dev/video0'
    )


def _open_clip(path: Path) -> FrameSource:
    clip = json.loads((path / 'clip.json').read_text(encoding='utf-8'))
    labels = path / 'labels'
    return FrameSource(
        fps=float(clip['fps']),
        frames=_read_pictures(_list_pictures(path / 'images')),
        camera_matrix=_camera_matrix(clip['camera']) if 'camera' in clip else (),
        labels=labels if labels.is_dir() else None,
    )


def _camera_matrix(camera: dict[str, float]) -> tuple[float, ...]:
    return (camera['fx'], 0.0, camera['cx'], 0.0, camera['fy'], camera['cy'], 0.0, 0.0, 1.0)


def _open_video(path: Path) -> FrameSource:
    capture = cv2.VideoCapture(str(path))
    fps = capture.get(cv2.CAP_PROP_FPS)
    if not capture.isOpened() or not fps:
        raise SourceError(f'{path} is not a video that OpenCV can read; try an mp4 with H.264')
    return FrameSource(fps, _read_capture(capture))


def _open_camera(device: str) -> FrameSource:
    capture = cv2.VideoCapture(int(device) if device.isdigit() else device)
    if not capture.isOpened():
        raise SourceError(
            f'camera {device} cannot be opened; is it plugged in, free and readable?')
    return FrameSource(
        capture.get(cv2.CAP_PROP_FPS) or CAMERA_FPS, _read_capture(capture), live=True)


def _list_pictures(folder: Path) -> list[Path]:
    paths = list_pictures(folder)
    if not paths:
        raise SourceError(f'{folder} holds no pictures ({", ".join(PICTURE_SUFFIXES)})')
    return paths


def _read_pictures(paths: list[Path]) -> Iterator[NDArray[Any]]:
    for path in paths:
        try:
            rgb = read_picture(path, upright=True)
        except EncodingError as error:
            raise SourceError(str(error)) from error
        picture = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        yield picture


def _read_capture(capture: cv2.VideoCapture) -> Iterator[NDArray[Any]]:
    try:
        while True:
            there, picture = capture.read()
            if not there:
                return
            yield picture
    finally:
        capture.release()
