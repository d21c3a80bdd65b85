# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Tables from the values of label files to train ids, in either form of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.class_list import load_class_list
from hybrid_training.data.label_ids import lookup_from_json


def read_lookup(path: Path) -> NDArray[np.uint8]:
    """Read a (256,) uint8 table from a classes YAML, or from a JSON of ids and train ids.

    Raises:
        ConfigError: not a classes YAML.
        ValueError: not such a JSON.
    """
    if path.suffix.lower() in ('.yaml', '.yml'):
        return load_class_list(path).codes().table
    return lookup_from_json(path)
