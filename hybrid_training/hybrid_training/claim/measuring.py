# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measure the runs of the claim, several at a time; what comes back is small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

from hybrid_perception.metrics import ImageHistograms
from hybrid_training.claim.arms import Arms
from hybrid_training.config import (
    HeldOutConfig,
    TrainingConfig,
    ValidationConfig,
    class_list,
    resolve,
)
from hybrid_training.data.anomaly_sets import open_anomaly_folder
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.anomaly_measures import ScoreOnSet, measure_anomalies
from hybrid_training.evaluation.known_statistics import known_statistics
from hybrid_training.evaluation.loading import load_predictor
from hybrid_training.evaluation.measures import closed_miou
from hybrid_training.evaluation.predictors import NetworkPredictor
from hybrid_training.evaluation.score_maps import ModelScores
from hybrid_training.exceptions import HybridTrainingError
from hybrid_training.scores import SCORES
from hybrid_training.training_data import open_held_out, open_inliers

HELD_OUT, SEEN = 'held_out_negatives', 'pasted_negatives_seen_in_training'
STATISTICS_IMAGES = 60
_POINTS = 300


@dataclass(frozen=True)
class MeasuredScore:
    """One score on one set.

    Attributes:
        figures: as `ScoreOnSet.figures`.
        images: its counts by image, for the bootstrap.
        recall, precision: some points of the curve, for a figure.
    """

    figures: dict[str, Any]
    images: ImageHistograms
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]

    @classmethod
    def of(cls, score: ScoreOnSet) -> MeasuredScore:
        """Keep what the report needs; the counts by score stay where they were made."""
        curve = score.curve
        places = np.searchsorted(curve.tpr, np.linspace(0, 1, _POINTS))
        places = np.minimum(places, curve.tpr.size - 1)
        return cls(score.figures(), score.images, curve.tpr[places], curve.precision[places])


@dataclass
class ArmMeasures:
    """What was measured of one run: closed mIoU, IoU by class, and scores by set and name."""

    miou: float = float('nan')
    iou: dict[str, float] = field(default_factory=dict)
    sets: dict[str, dict[str, MeasuredScore]] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """What every run is measured on.

    Attributes:
        validation: closed set, anomaly sets and the network's size.
        pasted: configuration whose negatives are pasted.
        held_out: whether training went without them.
        data_root: folder that `{data}` stands for.
        limit: use only this many pictures of each set.
    """

    validation: ValidationConfig
    pasted: TrainingConfig
    held_out: bool
    data_root: Path
    limit: int | None = None

    @classmethod
    def of(cls, arms: Arms, data_root: Path, limit: int | None) -> Protocol:
        """Take the sets from the hybrid arm's file, and what it held out from its checkpoint."""
        trained = arms.hybrid.final.trained_config()
        validation = arms.hybrid.final.config.validation
        assert validation is not None  # `open_arms` has checked it
        held_out = trained.held_out is not None
        if not held_out:
            wanted = validation.held_out_negatives or HeldOutConfig(limit=60)
            trained = trained.model_copy(update={'validation': validation.model_copy(
                update={'held_out_negatives': wanted})})
        return cls(validation, trained, held_out, data_root, limit)

    @property
    def pasted_name(self) -> str:
        """What the set of pasted negatives is called."""
        return HELD_OUT if self.held_out else SEEN

    def anomaly_sets(self) -> dict[str, LabeledImages]:
        """Open the anomaly sets by name, scores to be measured at label size."""
        sets: dict[str, LabeledImages] = {}
        for root in self.validation.anomaly_roots:
            pairs = open_anomaly_folder(resolve(root, self.data_root))
            sets[pairs.root.name] = pairs
        pasted = open_held_out(self.pasted, self.data_root)
        assert pasted is not None
        return {**sets, self.pasted_name: pasted}


def measure_arms(
        arms: Arms, protocol: Protocol, *, jobs: int, say: Callable[[str], None],
) -> dict[str, ArmMeasures]:
    """Measure closed mIoU of all three runs, and every score of both arms on every set.

    Args:
        arms: trained.
        protocol: what is measured.
        jobs: processes, each on one core; 1 = this one, on as many cores as torch takes.
        say: told of each part that is done.
    """
    found = {arm.name: ArmMeasures() for arm in arms}
    parts: list[Callable[[], tuple[str, ArmMeasures]]] = [
        *(partial(_scores, arm.name, arm.checkpoint, arm.final.config, protocol)
          for arm in (arms.closed, arms.hybrid)),
        *(partial(_closed, arm.name, arm.checkpoint, protocol) for arm in arms)]
    for done, (name, measures) in enumerate(_run(parts, jobs), start=1):
        if measures.sets:
            found[name].sets = measures.sets
            say(f'[{done}/{len(parts)}] {name}: scores on {", ".join(measures.sets)}')
        else:
            found[name].miou, found[name].iou = measures.miou, measures.iou
            say(f'[{done}/{len(parts)}] {name}: closed mIoU {100 * measures.miou:.2f} %')
    return found


def _run(parts: Sequence[Callable[[], Any]], jobs: int) -> Any:
    if jobs == 1:
        yield from (part() for part in parts)
        return
    # Not forked: torch's threads do not survive that.
    with ProcessPoolExecutor(jobs, get_context('spawn'), torch.set_num_threads, (1,)) as pool:
        try:
            for future in as_completed([pool.submit(part) for part in parts]):
                yield future.result()
        except BrokenProcessPool as error:
            msg = (f'a process that measures died, as the system does to it when memory runs out; '
                   f'take fewer than {jobs} at a time: --jobs {jobs - 1}')
            raise HybridTrainingError(msg) from error


def _closed(name: str, checkpoint: Path, protocol: Protocol) -> tuple[str, ArmMeasures]:
    predictor, _ = load_predictor(checkpoint, protocol.validation.size, scores=())
    classes = class_list(protocol.pasted.classes, protocol.data_root)
    assert protocol.validation.closed_set is not None
    pairs = open_inliers(protocol.validation.closed_set, protocol.data_root, classes)
    miou, iou = closed_miou(predictor, pairs, len(classes), limit=protocol.limit)
    return name, ArmMeasures(miou, dict(zip(classes.names, iou.tolist(), strict=True)))


def _scores(
        name: str, checkpoint: Path, config: TrainingConfig, protocol: Protocol,
) -> tuple[str, ArmMeasures]:
    predictor, _ = load_predictor(checkpoint, protocol.validation.size, scores=tuple(SCORES))
    assert isinstance(predictor, NetworkPredictor)
    classes = class_list(config.classes, protocol.data_root)
    # Of the pictures of training: those that closed mIoU is measured on stay unseen.
    predictor.statistics = known_statistics(
        predictor, open_inliers(config.inliers[0], protocol.data_root, classes), len(classes),
        limit=min(STATISTICS_IMAGES, protocol.limit or STATISTICS_IMAGES))
    source = ModelScores(predictor)
    measures = ArmMeasures()
    for title, images in protocol.anomaly_sets().items():
        measured = measure_anomalies(source, images, title, limit=protocol.limit)
        measures.sets[title] = {
            key: MeasuredScore.of(score) for key, score in measured.scores.items()}
        print(f'    {name}: {title}, hybrid AP '
              f'{100 * measures.sets[title]["hybrid"].figures["ap"]:.1f} %', flush=True)
    return name, measures


