# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How far two bags, or a bag and the truth, may be apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.files import read_json


@dataclass(frozen=True)
class Tolerances:
    """The limits; without a file, equality to the bit.

    Attributes:
        max_missing_frames: frames that only the first bag has.
        max_extra_frames: frames that only the second bag has.
        min_label_agreement: of the worst frame, 0..1.
        min_open_set_label_agreement: of the worst frame, 0..1.
        min_mask_iou: of the worst frame, 0..1.
        max_score_difference: of the worst pixel.
        max_mean_score_difference: of the worst frame.
        max_score_drift: of the distributions of all scores, 0..1; 1 is no limit.
    """

    max_missing_frames: float = 0
    max_extra_frames: float = 0
    min_label_agreement: float = 1.0
    min_open_set_label_agreement: float = 1.0
    min_mask_iou: float = 1.0
    max_score_difference: float = 0.0
    max_mean_score_difference: float = 0.0
    max_score_drift: float = 1.0

    def violations(self, reached: Mapping[str, float | None]) -> list[str]:
        """Say what lies outside; see ``find_violations``."""
        return find_violations(asdict(self), reached)


@dataclass(frozen=True)
class TruthTolerances:
    """The limits against ground truth; those that are None are not asked for.

    Attributes:
        max_missing_frames: pictures of the truth without a frame in the bag.
        min_average_precision: AP of the anomaly score over all pixels, 0..1.
        max_fpr95: share of known pixels above the score that finds 95 % of the unknown, 0..1.
        min_open_miou: mean IoU of the known classes in the open-set labels, 0..1.
        min_miou: mean IoU of the known classes in the closed-set labels, 0..1.
    """

    max_missing_frames: float = 0
    min_average_precision: float | None = None
    max_fpr95: float | None = None
    min_open_miou: float | None = None
    min_miou: float | None = None

    def violations(self, reached: Mapping[str, float | None]) -> list[str]:
        """Say what lies outside; a figure that is asked for and cannot be had does."""
        absent = [f'{name[4:]} is asked for, but the bag or the truth does not give it'
                  for name, limit in asdict(self).items()
                  if limit is not None and reached.get(name) is None]
        return absent + find_violations(asdict(self), reached)


Limits = TypeVar('Limits', Tolerances, TruthTolerances)


def find_violations(
    limits: Mapping[str, float | None], reached: Mapping[str, float | None]
) -> list[str]:
    """Say what lies outside.

    Args:
        limits: by name, which begins with ``min_`` or ``max_``; None is no limit.
        reached: the worst value by name of the limit; None where there is nothing to compare.
    """
    found = []
    for name, limit in limits.items():
        value = reached.get(name)
        if value is None or limit is None:
            continue
        if value < limit if name.startswith('min_') else value > limit:
            side = 'below' if name.startswith('min_') else 'above'
            found.append(f'{name[4:]} is {value:.9g}, {side} {limit:.9g}')
    return found


def load_tolerances(path: Path | None, kind: type[Limits]) -> Limits:
    """Read a JSON object of limits; those that it does not name keep their defaults.

    Raises:
        ParameterError: The file cannot be read, or a field is wrong.
    """
    if path is None:
        return kind()
    document = read_json(path, error=ParameterError)
    names = [field.name for field in fields(kind)]
    if not isinstance(document, dict) or not set(document) <= set(names):
        raise ParameterError(f'{path} must be a JSON object of some of {", ".join(names)}')
    for name, value in document.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f'{path}: {name} is {value!r}; it must be a number')
    return kind(**document)
