# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo measured: counts, latency, and quality against the clip's ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.labels import UNLABELED, ClassMap
from hybrid_perception.metrics import (
    ConfusionMatrix,
    average_precision,
    fpr_at_tpr,
    open_miou,
)
from recorder import Answer

MARGIN = 2


@dataclass(frozen=True)
class Quality:
    """Agreement with the ground truth over all pixels of all answered frames.

    Attributes:
        frames: Number of frames compared.
        average_precision: AP of the anomaly score, 0..1.
        fpr95: Share of known pixels above the score that finds 95 % of the unknown, 0..1.
        open_miou: Mean IoU of the known classes in the open-set labels, 0..1.
    """

    frames: int
    average_precision: float
    fpr95: float
    open_miou: float


@dataclass(frozen=True)
class Report:
    """All numbers of one run.

    Attributes:
        sent: Frames that the camera published.
        latencies: Seconds from stamp to arrival, one per answered frame.
        seconds: Duration of the play.
        quality: None without ground truth.
    """

    sent: int
    latencies: tuple[float, ...]
    seconds: float
    quality: Quality | None

    def rows(self) -> list[tuple[str, str]]:
        """Return name and value of every number."""
        p50, p95, p99 = (1000 * np.percentile(self.latencies, (50, 95, 99)))
        received = len(self.latencies)
        rows = [
            ('frames sent', f'{self.sent}'),
            ('frames answered', f'{received}'),
            ('frames dropped', f'{self.sent - received} (the node takes the newest only)'),
            ('camera rate', f'{self.sent / self.seconds:.1f} Hz'),
            ('answer rate', f'{received / self.seconds:.1f} Hz'),
            ('latency p50 / p95 / p99', f'{p50:.0f} / {p95:.0f} / {p99:.0f} ms'),
        ]
        if self.quality:
            rows += [
                ('anomaly AP', f'{100 * self.quality.average_precision:.1f} %'),
                ('anomaly FPR95', f'{100 * self.quality.fpr95:.1f} %'),
                ('open-mIoU', f'{100 * self.quality.open_miou:.1f} %'),
                ('compared with truth', f'{self.quality.frames} frames'),
            ]
        return rows

    def table(self) -> str:
        """Draw the numbers as a text table."""
        rows = self.rows()
        width = max(len(name) for name, _ in rows) + MARGIN
        return '\n'.join(f'  {name:<{width}}{value}' for name, value in rows)


def read_log(path: Path) -> dict[int, int]:
    """Read the camera's log; return the frame index of every stamp (ns)."""
    lines = path.read_text(encoding='utf-8').splitlines() if path.is_file() else []
    return {int(stamp): int(index) for index, stamp in (line.split(',') for line in lines)}


def read_truth(folder: Path, index: int) -> NDArray[np.uint8]:
    """Read the ground truth of a frame: (H, W) uint8, class ids, unknown id, 255 for void.

    Raises:
        FileNotFoundError: The clip has no such label picture.
    """
    path = sorted(folder.glob('*.png'))[index]
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)


def measure_quality(
    answers: Mapping[int, Answer], labels: Path, class_map: ClassMap
) -> Quality | None:
    """Compare answers with the ground truth.

    Args:
        answers: Answers by frame index, with full label and score.
        labels: Folder of the ground truth; its unknown id is the model's.
        class_map: Classes of the model.

    Returns:
        The metrics; None if no frame can be compared or nothing unknown was in sight.
    """
    confusion = ConfusionMatrix(class_map.num_classes + 1)
    scores: list[NDArray[Any]] = []
    targets: list[NDArray[Any]] = []
    for index, answer in answers.items():
        if answer.open_set_label is None or answer.anomaly_score is None:
            continue
        truth = read_truth(labels, index)
        # Where the node is told to give no answer (region, ignore mask) nothing is judged.
        truth[np.isnan(answer.anomaly_score)] = UNLABELED
        counted = truth != UNLABELED
        confusion.update(truth, np.minimum(answer.open_set_label, class_map.num_classes))
        scores.append(answer.anomaly_score[counted])
        targets.append(truth[counted] == class_map.unknown_id)
    if not scores or not any(target.any() for target in targets):
        return None
    score, target = np.concatenate(scores), np.concatenate(targets).astype(np.uint8)
    return Quality(
        frames=len(scores),
        average_precision=average_precision(score, target),
        fpr95=fpr_at_tpr(score, target),
        open_miou=open_miou(confusion),
    )


def spread(indices: Sequence[int], count: int) -> list[int]:
    """Choose at most `count` of the indices, evenly spread."""
    if len(indices) <= count:
        return list(indices)
    return [indices[round(k * (len(indices) - 1) / (count - 1))] for k in range(count)]
