# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that show camera, overlay, anomaly score and ground truth of a frame side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from frame_source import open_source
from hybrid_perception.labels import ClassMap
from hybrid_perception.rendering import anomaly_color, color_label
from recorder import Answer
from report import read_truth

TILE_WIDTH = 480
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Panel:
    """The pictures of one answered frame, all BGR; None where there is no such picture."""

    index: int
    camera: NDArray[Any] | None
    overlay: NDArray[Any]
    score: NDArray[Any]
    truth: NDArray[Any] | None

    def compose(self, width: int = TILE_WIDTH) -> NDArray[Any]:
        """Lay the pictures out in two columns, each with its name."""
        named = [('camera', self.camera), ('overlay', self.overlay),
                 ('anomaly score', self.score), ('ground truth', self.truth)]
        tiles = [_tile(name, picture, width) for name, picture in named if picture is not None]
        if len(tiles) % 2:
            tiles.append(np.zeros_like(tiles[0]))
        rows = [np.hstack(tiles[k:k + 2]) for k in range(0, len(tiles), 2)]
        return np.vstack(rows)


def make_panels(
    answers: Mapping[int, Answer],
    indices: Sequence[int],
    source: str,
    class_map: ClassMap,
) -> list[Panel]:
    """Make the pictures of chosen frames.

    Args:
        answers: Answers by frame index.
        indices: Frames to show; those whose pictures were not kept are left out.
        source: What was played; read again for the camera's pictures unless it is live.
        class_map: Colours.
    """
    shown = [index for index in indices
             if answers[index].overlay and answers[index].anomaly_score is not None]
    frames = open_source(source)
    played = () if frames.live else islice(frames.frames, max(shown, default=-1) + 1)
    cameras = {index: picture for index, picture in enumerate(played) if index in shown}
    vmin, vmax = _score_range([answers[index].anomaly_score for index in shown])
    panels = []
    for index in shown:
        answer = answers[index]
        truth = None if frames.labels is None else color_label(
            read_truth(frames.labels, index), class_map)[..., ::-1]
        panels.append(Panel(
            index=index,
            camera=cameras.get(index),
            overlay=cv2.imdecode(np.frombuffer(answer.overlay, np.uint8), cv2.IMREAD_COLOR),
            score=anomaly_color(answer.anomaly_score, vmin=vmin, vmax=vmax)[..., ::-1],
            truth=truth,
        ))
    return panels


def choose_best(panels: Sequence[Panel], labels: Path | None, unknown_id: int) -> Panel:
    """Choose the frame in which most of the unknown is in sight; the middle one without truth."""
    if labels is None:
        return panels[len(panels) // 2]
    return max(
        panels, key=lambda panel: int((read_truth(labels, panel.index) == unknown_id).sum()))


def _score_range(scores: Sequence[NDArray[Any] | None]) -> tuple[float, float]:
    values = np.concatenate([score[::4, ::4].ravel() for score in scores if score is not None]
                            or [np.zeros(1)])
    low, high = np.nanpercentile(values, (1, 99.8))
    return float(low), float(max(high, low + 1e-3))


def _tile(name: str, picture: NDArray[Any], width: int) -> NDArray[Any]:
    height = round(picture.shape[0] * width / picture.shape[1])
    tile = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    # A dark plate, not an outline: OpenCV 5 sets letters of another thickness apart differently.
    (text_width, _), _ = cv2.getTextSize(name, FONT, 0.5, 1)
    cv2.rectangle(tile, (0, 0), (text_width + 16, 28), (0, 0, 0), cv2.FILLED)
    cv2.putText(tile, name, (8, 20), FONT, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return tile
