# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every data set by name."""

from __future__ import annotations

from pathlib import Path

from hybrid_training.data.anomaly_sets import ANOMALY_SETS
from hybrid_training.data.class_list import ClassList
from hybrid_training.data.inlier_sets import INLIER_SETS
from hybrid_training.data.labeled_images import ListedPairs
from hybrid_training.data.negative_sets import NEGATIVE_SETS
from hybrid_training.data.set_spec import SetRequest, SetSpec

SETS: dict[str, SetSpec] = {s.name: s for s in (*INLIER_SETS, *ANOMALY_SETS, *NEGATIVE_SETS)}


def find_set(name: str) -> SetSpec:
    """Return a set by name.

    Raises:
        ValueError: no such set.
    """
    if name not in SETS:
        msg = f'{name!r} is not a data set; known are {", ".join(SETS)}'
        raise ValueError(msg)
    return SETS[name]


def open_set(
        name: str, root: Path, *, split: str | None = None, classes: ClassList | None = None,
        images: Path | None = None) -> ListedPairs:
    """Open a set.

    Args:
        name: of the set in the registry.
        root: its folder.
        split: one of its splits; None = the usual one.
        classes: known classes that an inlier set's labels are asked for; None = its own.
        images: where the images are, for sets whose masks come alone.

    Raises:
        ValueError: no such set or split, or files that are not as its layout wants them.
    """
    spec = find_set(name)
    if split is not None and split not in spec.splits:
        has = f'has {", ".join(spec.splits)}' if spec.splits else 'has no splits'
        msg = f'{name} has no split {split!r}; it {has}'
        raise ValueError(msg)
    chosen = split or (spec.splits[0] if spec.splits else '')
    return spec.open(SetRequest(root, chosen, classes, images))
