# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A bag of outputs against ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.compare.output_frame import OutputFrame, output_topics, read_frames
from hybrid_perception.compare.truth import Truth
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import UNLABELED
from hybrid_perception.metrics import ConfusionMatrix, StreamingRanking, open_miou
from hybrid_perception.replay.frame import Stamp

FIGURES = {
    'average_precision': 'min_average_precision',
    'fpr95': 'max_fpr95',
    'open_miou': 'min_open_miou',
    'miou': 'min_miou',
}
"""Every figure, with the limit that a file of tolerances may set for it."""


@dataclass(frozen=True)
class JudgedFrame:
    """One frame's errors of the open-set mask, as shares of the pixels that are judged.

    Attributes:
        stamp: stamp of the frame.
        file: its ground truth.
        missed: unknown pixels taken for known, 0..1.
        false_alarms: known pixels taken for unknown, 0..1.
    """

    stamp: Stamp
    file: Path
    missed: float
    false_alarms: float

    @property
    def severity(self) -> float:
        """Order frames by their wrong pixels."""
        return self.missed + self.false_alarms


@dataclass
class TruthComparison:
    """What a bag and the truth have in common.

    Attributes:
        bag: the bag.
        frames: frames that were judged.
        missing: pictures of the truth without a frame.
        without_truth: frames of the bag that nothing is known of.
        figures: those that the outputs and the truth allow, 0..1, by the names of ``FIGURES``.
    """

    bag: Path
    frames: list[JudgedFrame] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    without_truth: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    def reached(self) -> dict[str, float | None]:
        """Collect the figures by the names of their tolerances."""
        return {'max_missing_frames': len(self.missing),
                **{limit: self.figures.get(name) for name, limit in FIGURES.items()}}

    def worst(self, count: int) -> list[JudgedFrame]:
        """List the frames with most wrong pixels, worst first; faultless ones are left out."""
        wrong = [frame for frame in self.frames if frame.severity > 0]
        return sorted(wrong, key=lambda frame: frame.severity, reverse=True)[:count]


def compare_with_truth(
    bag: Path, truth: Truth, progress: Callable[[], None] = lambda: None
) -> TruthComparison:
    """Judge a bag of outputs of one camera.

    Args:
        bag: outputs at the size of the truth.
        truth: the ground truth.
        progress: called for each frame that is judged.

    Raises:
        ParameterError: The bag cannot be read or has outputs of several nodes, no frame fits,
            or sizes or values do.
    """
    comparison, tally = TruthComparison(bag), _Tally(truth)
    judged: set[Path] = set()
    for frame, file in frames_with_truth(bag, truth):
        if file is None:
            comparison.without_truth += 1
            continue
        judged.add(file)
        comparison.frames.append(tally.add(frame, file))
        progress()
    comparison.missing = [file for file in truth.files if file not in judged]
    if not comparison.frames:
        raise ParameterError(
            f'no frame of {bag} has the stamp of a picture in {truth.files[0].parent}; are they '
            'of the same drive?')
    comparison.figures = tally.figures()
    return comparison


def frames_with_truth(bag: Path, truth: Truth) -> Iterator[tuple[OutputFrame, Path | None]]:
    """Read the frames of a bag, each with its picture of the truth.

    Raises:
        ParameterError: The bag cannot be read or has outputs of several nodes, or the pictures
            are taken in order and their number is not that of the frames.
    """
    topics = output_topics(bag)
    if len(topics) > 1:
        raise ParameterError(
            f'{bag} has outputs of {", ".join(topics)}; the truth is that of one camera: replay '
            'that one alone (--topic)')
    by_stamp = dict(zip(truth.stamps, truth.files, strict=True)) if truth.stamps else None
    number = -1
    for number, frame in enumerate(read_frames(bag, topics)):
        if by_stamp is not None:
            yield frame, by_stamp.get(frame.stamp)
        else:
            yield frame, truth.files[number] if number < len(truth.files) else None
    if by_stamp is None and number + 1 != len(truth.files):
        raise ParameterError(
            f'{bag} has {number + 1} frames and {truth.files[0].parent} {len(truth.files)} '
            'pictures; where not every frame has one, name them by stamp: 12.345678901.png')


class _Tally:
    """Pixels counted over all frames, in bounded memory."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._ranking = StreamingRanking()
        self._has: set[str] = set()
        self._closed: ConfusionMatrix | None = None
        self._open: ConfusionMatrix | None = None
        if truth.unknown_id is not None:
            self._closed = ConfusionMatrix(
                truth.unknown_id, ignore=(UNLABELED, truth.unknown_id))
            self._open = ConfusionMatrix(truth.unknown_id + 1)

    def add(self, frame: OutputFrame, file: Path) -> JudgedFrame:
        truth = self._truth.read(file)
        for name, image in frame.images.items():
            if image.shape != truth.shape:
                raise ParameterError(
                    f'{name} is {image.shape[1]}x{image.shape[0]}, {file} {truth.shape[1]}x'
                    f'{truth.shape[0]}; replay with --output-size source, or resize the truth')
        unknown = self._truth.is_unknown(truth)
        self._rank(frame.images.get('anomaly_score'), truth, unknown)
        self._count(self._closed, 'label', frame, truth)
        self._count(self._open, 'open_set_label', frame, truth)
        mask = frame.images.get('open_set_mask')
        counted = truth != UNLABELED
        pixels = max(1, int(np.count_nonzero(counted)))
        found = mask != 0 if mask is not None else unknown
        missed = int(np.count_nonzero(unknown & ~found))
        false_alarms = int(np.count_nonzero(counted & ~unknown & found))
        return JudgedFrame(frame.stamp, file, missed / pixels, false_alarms / pixels)

    def figures(self) -> dict[str, float]:
        """Read off what could be counted."""
        figures: dict[str, float] = {}
        if 'known' in self._has and 'unknown' in self._has:
            curve = self._ranking.curve()
            figures['average_precision'] = curve.average_precision()
            figures['fpr95'] = curve.fpr_at_tpr()
        if self._open is not None and self._open.counts.any():
            figures['open_miou'] = open_miou(self._open)
        if self._closed is not None and self._closed.counts.any():
            figures['miou'] = self._closed.miou()
        return figures

    def _rank(
        self, score: NDArray[Any] | None, truth: NDArray[np.uint8], unknown: NDArray[np.bool_]
    ) -> None:
        if score is None:
            return
        # Where the node was told to say nothing, nothing is judged.
        counted = (truth != UNLABELED) & ~np.isnan(score)
        self._ranking.update(score[counted], unknown[counted].astype(np.uint8))
        if (unknown & counted).any():
            self._has.add('unknown')
        if (~unknown & counted).any():
            self._has.add('known')

    def _count(
        self, confusion: ConfusionMatrix | None, name: str, frame: OutputFrame,
        truth: NDArray[np.uint8],
    ) -> None:
        label = frame.images.get(name)
        if confusion is None or label is None:
            return
        try:
            confusion.update(np.where(label == UNLABELED, UNLABELED, truth), label)
        except ParameterError as error:
            raise ParameterError(
                f'{name} at {frame.stamp}: {error}; is --unknown {self._truth.unknown_id} the '
                "model's?") from error
