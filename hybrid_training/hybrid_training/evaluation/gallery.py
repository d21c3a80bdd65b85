# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a set on which a score does best and worst."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.rendering import anomaly_color
from hybrid_training.evaluation.anomaly_measures import SetMeasures
from hybrid_training.evaluation.measures import labels_at, resize_score
from hybrid_training.evaluation.score_maps import ScoreSource

WIDTH = 480


@dataclass(frozen=True)
class GalleryTile:
    """One picture beside its score.

    Attributes:
        name: of the picture.
        ap: average precision on this picture alone, 0..1.
        jpeg: picture with the anomalies outlined, and the score; encoded side by side.
    """

    name: str
    ap: float
    jpeg: bytes


def gallery(
        source: ScoreSource, measured: SetMeasures, score: str, *, each: int = 3,
) -> tuple[list[GalleryTile], list[GalleryTile]]:
    """Show the best and the worst pictures by their own AP; those without anomaly have none.

    Args:
        source: of the scores.
        measured: the set.
        score: which score.
        each: how many of both kinds; no picture is shown twice.

    Returns:
        The best, best first, and the worst, worst first.
    """
    ap = measured.scores[score].images.average_precisions()
    ranked = [int(i) for i in np.argsort(-ap) if not np.isnan(ap[i])]
    best = ranked[:min(each, (len(ranked) + 1) // 2)]
    worst = ranked[len(best):][::-1][:each]
    limits = _limits(measured, score)
    best_tiles, worst_tiles = (
        [GalleryTile(measured.images.names[i], float(ap[i]),
                     _tile(source, measured, score, i, limits)) for i in chosen]
        for chosen in (best, worst))
    return best_tiles, worst_tiles


def _limits(measured: SetMeasures, score: str) -> tuple[float, float]:
    """Span colours from the middle of the known pixels to the top of the anomalies."""
    curve = measured.scores[score].curve
    middle = curve.thresholds[np.argmax(curve.fpr >= 0.5)]
    top = curve.thresholds[np.argmax(curve.tpr >= 0.05)]
    low, high = np.nan_to_num([middle, top], posinf=1e30, neginf=-1e30).astype(float).tolist()
    return low, high if high > low else low + max(abs(low), 1) / 100


def _tile(
        source: ScoreSource, measured: SetMeasures, score: str, index: int,
        limits: tuple[float, float]) -> bytes:
    target = labels_at(measured.images, index)
    rgb = cv2.resize(measured.images.image(index), target.shape[::-1],
                     interpolation=cv2.INTER_AREA)
    values = resize_score(source.scores(measured.images, index)[score], target.shape)
    colored = anomaly_color(np.ascontiguousarray(values), vmin=limits[0], vmax=limits[1])
    size = (WIDTH, max(1, round(WIDTH * target.shape[0] / target.shape[1])))
    left, right = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (rgb, colored))
    anomaly = cv2.resize((target == 1).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(anomaly, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    left = cv2.drawContours(np.ascontiguousarray(left), outlines, -1, (255, 0, 255), 1)
    pair: NDArray[np.uint8] = np.hstack([left, right])
    return bytes(cv2.imencode('.jpg', cv2.cvtColor(pair, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
