# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Label ids of training and their sources."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VOID = 255
"""Id of unlabelled pixels in files; becomes ignore = K in training labels."""
PASTED = VOID - 1
"""Id of pasted pixels until it is K + 1 in training labels, or 1 in anomaly masks."""

FIRST_UNION = PASTED - 1
"""Id of the first coarse label (any one of several classes) until it is K + 2 in training labels;
the others follow downwards."""

CITYSCAPES_CLASSES = (
    'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign',
    'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train',
    'motorcycle', 'bicycle',
)
CITYSCAPES_COLORS = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
    (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
    (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100),
    (0, 80, 100), (0, 0, 230), (119, 11, 32),
)


def lookup_from_json(path: Path, key: str = 'train_id') -> NDArray[np.uint8]:
    """Read a (256,) uint8 table from file ids to train ids; ids not named become VOID.

    Args:
        path: JSON with a list `classes` of objects that hold `id` and `key`.
        key: the field that holds the train id.

    Raises:
        ValueError: the file is not such a JSON.
    """
    table = np.full(256, VOID, np.uint8)
    try:
        for entry in json.loads(path.read_text(encoding='utf-8'))['classes']:
            if 0 <= entry['id'] <= 255:
                table[entry['id']] = entry[key]
    except (KeyError, TypeError, ValueError) as error:
        msg = f'{path}: want {{"classes": [{{"id": ..., "{key}": ...}}, ...]}}, got {error!r}'
        raise ValueError(msg) from error
    return table
