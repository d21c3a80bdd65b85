# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that is measured of scores on one anomaly set, picture by picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.metrics import (
    FPR_RULES,
    SIZE_FILTERS,
    ComponentMeasures,
    ComponentMetrics,
    ImageHistograms,
    RankingCurve,
    StreamingRanking,
)
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.measures import image_indices, labels_at, resize_score
from hybrid_training.evaluation.score_maps import ScoreSource

RESAMPLES = 1000


@dataclass
class ScoreOnSet:
    """One score's counts on one set, and the figures read off them."""

    ranking: StreamingRanking = field(default_factory=StreamingRanking)
    images: ImageHistograms = field(default_factory=ImageHistograms)
    components: ComponentMeasures | None = None
    _curve: RankingCurve | None = None

    def update(self, score: NDArray[np.float32], target: NDArray[np.uint8]) -> None:
        """Count one picture: score (H, W), target (H, W) 0 known, 1 anomaly, 255 void."""
        self.ranking.update(score, target)
        self.images.update(score, target)
        self._curve = None

    @property
    def curve(self) -> RankingCurve:
        """The set's curve.

        Raises:
            ParameterError: the set has no anomaly, or nothing else.
        """
        if self._curve is None:
            self._curve = self.ranking.curve()
        return self._curve

    def thresholds(self) -> dict[str, float]:
        """Return the thresholds at TPR 95, FPR 5 and the best pixel F1; `>=` detects."""
        return {'tpr95': self.curve.threshold_at_tpr(0.95),
                'fpr05': self.curve.threshold_at_fpr(0.05),
                'best_f1': self.curve.best_f1()[0]}

    def figures(self) -> dict[str, Any]:
        """Return every figure as plain values; fractions."""
        curve = self.curve
        found: dict[str, Any] = {
            'ap': curve.average_precision(), 'auroc': curve.auroc(), 'fpr95': curve.fpr_at_tpr(),
            'best_f1': curve.best_f1()[1],
            'fpr95_by_rule': {rule: curve.fpr_at_tpr(0.95, rule) for rule in FPR_RULES},
            'thresholds': self.thresholds(),
            'largest_error': dict(zip(
                ('ap', 'auroc', 'fpr95'), self.ranking.errors(), strict=True)),
            'interval95': self._intervals()}
        if self.components is not None:
            found['components'] = {k: v.tolist() if isinstance(v, np.ndarray) else v
                                   for k, v in asdict(self.components).items()}
        return found

    def _intervals(self) -> dict[str, list[float]] | None:
        if len(self.images) < 2:
            return None
        ap, auroc, fpr95, _ = self.images.bootstrap(RESAMPLES)
        return {'ap': list(ap), 'auroc': list(auroc), 'fpr95': list(fpr95)}


@dataclass(frozen=True)
class SetMeasures:
    """What was measured on one set.

    Attributes:
        name: of the set.
        images: the set.
        scores: by name.
    """

    name: str
    images: LabeledImages
    scores: dict[str, ScoreOnSet]

    def figures(self) -> dict[str, Any]:
        """Return every figure as plain values."""
        return {'images': len(self.images),
                'scores': {name: score.figures() for name, score in self.scores.items()}}


def measure_anomalies(
        source: ScoreSource, images: LabeledImages, name: str, *, components: str | None = None,
        limit: int | None = None) -> SetMeasures:
    """Measure every score on one set; memory does not grow with the set.

    Args:
        source: of the scores.
        images: labels are 0 known, 1 anomaly, 255 void.
        name: what the set is called in reports.
        components: which of `SIZE_FILTERS` to measure components with, at the threshold of the
            best pixel F1 on this set, as SegmentMeIfYouCan does; the set is then gone through
            twice. None = no components.
        limit: use only this many pictures, evenly spread.

    Raises:
        ParameterError: NaN scores where pixels count, no anomaly in the set, or nothing else.
    """
    scores: dict[str, ScoreOnSet] = {}
    for index in image_indices(images, limit):
        target = labels_at(images, index)
        for key, score in source.scores(images, index).items():
            scores.setdefault(key, ScoreOnSet()).update(
                _fitted(score, target, images.names[index]), target)
    measured = SetMeasures(name, images, scores)
    if components is not None:
        _measure_components(source, measured, components, limit)
    return measured


def _measure_components(
        source: ScoreSource, measured: SetMeasures, sizes: str, limit: int | None) -> None:
    thresholds = {key: np.float32(s.thresholds()['best_f1']) for key, s in measured.scores.items()}
    metrics = {key: ComponentMetrics(SIZE_FILTERS[sizes]) for key in thresholds}
    for index in image_indices(measured.images, limit):
        target = labels_at(measured.images, index)
        for key, score in source.scores(measured.images, index).items():
            metrics[key].update(
                _fitted(score, target, measured.images.names[index]) >= thresholds[key], target)
    for key, metric in metrics.items():
        measured.scores[key].components = metric.measures()


def _fitted(
        score: NDArray[np.float32], target: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
    if score.shape != target.shape and score.shape == target.shape[::-1]:
        msg = (f'{name}: the score map is {score.shape}, its labels are {target.shape}: rows and '
               f'columns are swapped; want (height, width)')
        raise ValueError(msg)
    return resize_score(score, target.shape)
