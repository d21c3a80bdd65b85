# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Anomaly sets as the command line names them."""

from __future__ import annotations

from pathlib import Path

from hybrid_training.data.folder_pairs import FolderPairs
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.data.registry import find_set, open_set


def open_anomaly_set(text: str) -> tuple[str, LabeledImages]:
    """Open `DIR` (images/ and masks/) or `SET=DIR` or `SET:SPLIT=DIR` of the registry.

    Returns:
        What the set is called in reports, and the set.

    Raises:
        ValueError: no such set, not one with anomaly masks, or files that do not fit its layout.
    """
    kind, separator, root = text.partition('=')
    if not separator or Path(text).is_dir():
        return Path(text).name, FolderPairs(Path(text), labels='masks')
    name, _, split = kind.partition(':')
    if find_set(name).kind != 'anomaly':
        msg = f'{name} is a set of kind {find_set(name).kind}; want one with anomaly masks'
        raise ValueError(msg)
    return kind, open_set(name, Path(root), split=split or None)
