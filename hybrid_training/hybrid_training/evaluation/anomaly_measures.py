# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that is measured of scores on one anomaly set, picture by picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
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
from hybrid_training.data.set_spec import POOLED, PixelProtocol
from hybrid_training.evaluation.conventions import protocol_values
from hybrid_training.evaluation.image_averages import ImageAverages
from hybrid_training.evaluation.measures import image_indices, labels_at, resize_score
from hybrid_training.evaluation.score_maps import ScoreSource

RESAMPLES = 1000
FIGURES = ('ap', 'auroc', 'fpr95')


@dataclass
class ScoreOnSet:
    """One score's counts on one set, and the figures read off them."""

    ranking: StreamingRanking = field(default_factory=StreamingRanking)
    images: ImageHistograms = field(default_factory=ImageHistograms)
    averages: ImageAverages | None = None
    components: ComponentMeasures | None = None
    without_components: str = ''
    _curve: RankingCurve | None = None

    def update(self, score: NDArray[np.float32], target: NDArray[np.uint8]) -> None:
        """Count one picture: score (H, W), target (H, W) 0 known, 1 anomaly, 255 void."""
        self.ranking.update(score, target)
        self.images.update(score, target)
        if self.averages is not None:
            self.averages.update(score, target)
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
            'largest_error': dict(zip(FIGURES, self.ranking.errors(), strict=True)),
            'interval95': self._intervals()}
        if self.averages is not None:
            found = {**found, 'pooled': {k: found[k] for k in (*FIGURES, 'interval95')},
                     **self.averages.figures(), 'largest_error': dict.fromkeys(FIGURES, 0.0),
                     'interval95': self.averages.intervals(RESAMPLES)}
        if self.without_components:
            found['components_not_measurable'] = self.without_components
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
        protocol: how AP, AUROC and FPR95 are read.
        not_measurable: why the set ranks nothing; '' = it does.
    """

    name: str
    images: LabeledImages
    scores: dict[str, ScoreOnSet]
    protocol: PixelProtocol = POOLED
    not_measurable: str = ''

    def figures(self) -> dict[str, Any]:
        """Return every figure as plain values; no score where the set is not measurable."""
        found: dict[str, Any] = {
            'images': len(self.images), 'protocol': protocol_values(self.protocol)}
        if self.not_measurable:
            return {**found, 'not_measurable': self.not_measurable, 'scores': {}}
        return {**found, 'scores': {
            name: score.figures() for name, score in self.scores.items()}}


def measure_anomalies(
        source: ScoreSource, images: LabeledImages, name: str, *, components: str | None = None,
        limit: int | None = None, protocol: PixelProtocol = POOLED,
) -> SetMeasures:
    """Measure every score on one set; memory grows by some 60 KB a picture and score.

    Args:
        source: of the scores.
        images: labels are 0 known, 1 anomaly, 255 void.
        name: what the set is called in reports.
        components: which of `SIZE_FILTERS` to measure components with, at the threshold of the
            best pixel F1 on this set, as SegmentMeIfYouCan does; the set is then gone through
            twice. None = no components.
        limit: use only this many pictures, evenly spread.
        protocol: how AP, AUROC and FPR95 are read.

    Raises:
        ParameterError: NaN scores where pixels count.
        ValueError: an image or a label cannot be read.
    """
    scores: dict[str, ScoreOnSet] = {}
    pixels = np.zeros(2, np.int64)
    for index in image_indices(images, limit):
        target = labels_at(images, index)
        pixels += [np.count_nonzero(target == kind) for kind in (0, 1)]
        for key, score in source.scores(images, index).items():
            if key not in scores:
                scores[key] = ScoreOnSet(averages=ImageAverages(
                    protocol.fpr_rule) if protocol.per_image else None)
            scores[key].update(_fitted(score, target, images.names[index]), target)
    measured = SetMeasures(name, images, scores, protocol, _missing(pixels, len(images)))
    if components is not None and not measured.not_measurable:
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
        try:
            measured.scores[key].components = metric.measures()
        except ParameterError as error:
            measured.scores[key].without_components = str(error)


def _missing(pixels: NDArray[np.int64], images: int) -> str:
    """Say which kind of pixels a set lacks, of the counts of known and of anomaly pixels."""
    missing = [kind for kind, count in zip(('known', 'anomaly'), pixels, strict=True) if not count]
    return (f'no {" and no ".join(missing)} pixel in any of its {images} images'
            if missing else '')


def _fitted(
        score: NDArray[np.float32], target: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
    if score.shape != target.shape and score.shape == target.shape[::-1]:
        msg = (f'{name}: the score map is {score.shape}, its labels are {target.shape}: rows and '
               f'columns are swapped; want (height, width)')
        raise ValueError(msg)
    return resize_score(score, target.shape)
