# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Tables from the values of label files to train ids, in either form of file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.class_list import load_class_list
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.label_ids import VOID, lookup_from_json


def read_lookup(path: Path) -> NDArray[np.uint8]:
    """Read a (256,) uint8 table from a classes YAML, or from a JSON of ids and train ids.

    Raises:
        ConfigError: not a classes YAML.
        ValueError: not such a JSON.
    """
    if path.suffix.lower() in ('.yaml', '.yml'):
        return load_class_list(path).codes().table
    return lookup_from_json(path)


def codes_from_json(path: Path) -> LabelCodes:
    """Read a JSON of ids and train ids as a code: ids that it does not name are refused.

    VOID = 255 may always occur.

    Raises:
        ValueError: not such a JSON.
    """
    table = lookup_from_json(path)
    named = {entry['id'] for entry in json.loads(path.read_text(encoding='utf-8'))['classes']}
    return LabelCodes.build(
        {i: int(table[i]) for i in named if 0 <= i <= VOID}, void=(VOID,))
