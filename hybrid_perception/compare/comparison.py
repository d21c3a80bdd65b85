# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison of two bags of outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hybrid_perception.compare.difference import (
    PERCENTILES,
    FrameDifference,
    ScoreHistogram,
    compare_frames,
)
from hybrid_perception.compare.matching import FramePair, match_frames
from hybrid_perception.compare.output_frame import OutputFrame, output_topics, read_frames
from hybrid_perception.compare.score_drift import ScoreDrift
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.bag_reader import BagReader
from hybrid_perception.replay.frame import Stamp

SCORE = 'anomaly_score'
FrameKey = tuple[str, Stamp]


@dataclass
class Comparison:
    """What two bags have in common.

    Attributes:
        first, second: the bags.
        differences: one entry per frame that both have.
        missing: frames that only the first has.
        extra: frames that only the second has.
        score_percentiles: difference of the score by percentage of pixels.
        score_drift: distance of the distributions of the scores, 0..1; see ``ScoreDrift``.
        times: median and 95th percentile of the node's own timings, by topic name, of both bags,
            milliseconds; only of live recordings.
    """

    first: Path
    second: Path
    differences: list[FrameDifference] = field(default_factory=list)
    missing: list[FrameKey] = field(default_factory=list)
    extra: list[FrameKey] = field(default_factory=list)
    score_percentiles: dict[float, float] = field(default_factory=dict)
    score_drift: float | None = None
    times: dict[str, tuple[tuple[float, float], tuple[float, float]]] = field(
        default_factory=dict)

    def values(self, name: str) -> list[float]:
        """List one number of all frames that have it."""
        found = (getattr(difference, name) for difference in self.differences)
        return [value for value in found if value is not None]

    def reached(self) -> dict[str, float | None]:
        """Collect the worst values, by the names of their tolerances."""
        def worst(name: str, choose: Callable[[list[float]], float]) -> float | None:
            values = self.values(name)
            return choose(values) if values else None

        return {
            'max_missing_frames': len(self.missing),
            'max_extra_frames': len(self.extra),
            'min_label_agreement': worst('label_agreement', min),
            'min_open_set_label_agreement': worst('open_set_label_agreement', min),
            'min_mask_iou': worst('mask_iou', min),
            'max_score_difference': worst('score_max', max),
            'max_mean_score_difference': worst('score_mean', max),
            'max_score_drift': self.score_drift,
        }

    def worst(self, count: int) -> list[FrameDifference]:
        """List the frames that differ most, worst first; equal ones are left out."""
        differing = [entry for entry in self.differences if entry.severity > (0.0, 0.0)]
        return sorted(differing, key=lambda entry: entry.severity, reverse=True)[:count]


def compare_bags(
    first: Path, second: Path, progress: Callable[[], None] = lambda: None
) -> Comparison:
    """Compare two bags of outputs, matched by stamp.

    Args:
        first: the reference.
        second: what is judged.
        progress: called for each frame.

    Raises:
        ParameterError: A bag cannot be read, or the two hold nothing to compare.
    """
    comparison = Comparison(first, second)
    histogram, drift = ScoreHistogram(), ScoreDrift()
    for pair in paired_frames(first, second):
        key = pair.either.prefix, pair.either.stamp
        if pair.second is None:
            comparison.missing.append(key)
        elif pair.first is None:
            comparison.extra.append(key)
        else:
            comparison.differences.append(compare_frames(pair.first, pair.second, histogram))
            if SCORE in pair.first.images and SCORE in pair.second.images:
                drift.add(pair.first.images[SCORE], pair.second.images[SCORE])
        progress()
    if not comparison.differences:
        raise ParameterError(
            f'{first} and {second} have no stamp in common ({len(comparison.missing)} and '
            f'{len(comparison.extra)} frames); are they of the same drive?')
    if comparison.values('score_max'):
        comparison.score_percentiles = {
            percent: histogram.percentile(percent) for percent in PERCENTILES}
    comparison.score_drift = drift.distance()
    ours, theirs = _times(first), _times(second)
    comparison.times = {name: (ours[name], theirs[name]) for name in ours if name in theirs}
    return comparison


def paired_frames(first: Path, second: Path) -> Iterator[FramePair]:
    """Pair the frames of two bags.

    Raises:
        ParameterError: A bag cannot be read, or they are of different nodes or outputs.
    """
    topics, others = output_topics(first), output_topics(second)
    renamed: dict[str, str] = {}
    if len(topics) == len(others) == 1:   # one camera each: the name of the node does not matter
        renamed = {next(iter(others)): next(iter(topics))}
    elif set(topics) != set(others):
        raise ParameterError(
            f'{first} has outputs of {", ".join(topics)}, {second} of {", ".join(others)}')
    for prefix, names in others.items():
        here = topics[renamed.get(prefix, prefix)]
        if set(here) != set(names):
            raise ParameterError(
                f'{first} has the outputs {", ".join(here)}, {second} has {", ".join(names)}; '
                'replay both with the same --outputs')
    yield from match_frames(
        read_frames(first, topics),
        (OutputFrame(renamed.get(frame.prefix, frame.prefix), frame.stamp, frame.images)
         for frame in read_frames(second, others)))


def _times(path: Path) -> dict[str, tuple[float, float]]:
    with BagReader(path) as reader:
        topics = [topic for topic, type_ in reader.topics.items()
                  if type_ == 'std_msgs/msg/Float64' and '/debug/' in topic
                  and topic.endswith('_ms')]
        values: dict[str, list[float]] = {}
        for record in reader.records(topics) if topics else ():
            values.setdefault(record.topic.rpartition('/')[2], []).append(record.message().data)
    return {name: (float(np.median(times)), float(np.percentile(times, 95)))
            for name, times in sorted(values.items())}
