# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One evaluation: what is measured, printed as it comes, and kept for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hybrid_training.evaluation.anomaly_measures import SetMeasures, measure_anomalies
from hybrid_training.evaluation.conventions import CONVENTIONS
from hybrid_training.evaluation.known_statistics import known_statistics
from hybrid_training.evaluation.measures import closed_miou, open_mious
from hybrid_training.evaluation.open_folds import cross_fold_open_miou
from hybrid_training.evaluation.predictors import NetworkPredictor, Predictor
from hybrid_training.evaluation.score_maps import ScoreSource
from hybrid_training.evaluation.set_argument import NamedSet

STATISTICS_IMAGES = 100


class Evaluation:
    """Figures of one model or folder of score maps.

    Args:
        model: what it is called in the report.

    Attributes:
        found: the figures as plain values, with the conventions that they follow.
        measured: the anomaly sets that were measured.
    """

    def __init__(self, model: str) -> None:
        self.found: dict[str, Any] = {'model': model, 'conventions': CONVENTIONS}
        self.measured: list[SetMeasures] = []

    def closed(self, predictor: Predictor, known: NamedSet, names: Sequence[str], *,
               with_statistics: bool) -> None:
        """Measure closed mIoU; `with_statistics` adds standardised max logits to the scores."""
        miou, iou = closed_miou(predictor, known.images, len(names))
        print(f'closed mIoU {100 * miou:.2f} % on {known.name}')
        if with_statistics and isinstance(predictor, NetworkPredictor):
            predictor.statistics = known_statistics(
                predictor, known.images, len(names), limit=STATISTICS_IMAGES)
        self.found['closed'] = {
            'set': known.name, 'miou': miou, 'iou': dict(zip(names, iou.tolist(), strict=True))}

    def anomalies(self, source: ScoreSource, strange: NamedSet, components: str | None) -> None:
        """Measure every score on one set; a set that cannot be measured is told so."""
        measured = measure_anomalies(source, strange.images, strange.name, components=components,
                                     protocol=strange.protocol)
        figures = measured.figures()
        self.measured.append(measured)
        self.found.setdefault('sets', {})[strange.name] = figures
        self.found.setdefault('anomaly', {})[strange.name] = {
            key: {k: f[k] for k in ('ap', 'auroc', 'fpr95')}
            for key, f in figures['scores'].items()}
        if measured.not_measurable:
            print(f'{strange.name:28s} not measurable: {measured.not_measurable}')
        for key, f in figures['scores'].items():
            print(_line(strange.name, key, f))

    def opened(self, predictor: Predictor, folds: Sequence[NamedSet], num_classes: int,
               thresholds: Mapping[str, float]) -> None:
        """Measure open-mIoU: of one set at the given thresholds, of folds at one another's."""
        if len(folds) == 1:
            points = {**thresholds, 'no rejection': float('inf')}
            self.found['open_set'] = folds[0].name
            self.found['open'] = open_mious(predictor, folds[0].images, num_classes, points)
            for name, value in self.found['open'].items():
                print(f'open-mIoU {100 * value:6.2f} % at {name}')
            return
        self.found['open_cross_fold'] = cross_fold_open_miou(
            predictor, {fold.name: fold.images for fold in folds}, num_classes)
        for point, value in self.found['open_cross_fold']['weighted_mean'].items():
            print(f'open-mIoU {100 * value:6.2f} % at {point} of the other folds')

    def thresholds(self) -> dict[str, float]:
        """Return the hybrid score's thresholds on every set that was measured."""
        return {f'{point}_{one.name}': threshold for one in self.measured
                if not one.not_measurable
                for point, threshold in one.scores['hybrid'].thresholds().items()}


def check_folders_apart(sets: Sequence[NamedSet], maps: Path) -> None:
    """Refuse sets whose score maps would be looked for in one place.

    Raises:
        ValueError: two folders share a name; the message names both.
    """
    places: dict[str, Path] = {}
    for one in sets:
        place = one.images.root.resolve()
        other = places.setdefault(one.images.root.name, place)
        if other != place:
            msg = (f'{other} and {place} share the name {place.name}, under which score maps are '
                   f'looked for in {maps}; measure them one at a time, each with its own maps')
            raise ValueError(msg)


def _line(name: str, score: str, figures: Mapping[str, Any]) -> str:
    line = (f'{name:28s} {score:22s} AP {100 * figures["ap"]:6.2f}  AUROC '
            f'{100 * figures["auroc"]:6.2f}  FPR95 {100 * figures["fpr95"]:6.2f}')
    if 'components' in figures:
        line += ''.join(f'  {title} {100 * figures["components"][k]:6.2f}' for title, k in (
            ('sIoU', 'siou'), ('PPV', 'ppv'), ('F1*', 'mean_f1')))
    if 'components_not_measurable' in figures:
        line += f'  components not measurable: {figures["components_not_measurable"]}'
    return line
