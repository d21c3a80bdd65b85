# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where the model that comes with the package lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hybrid_perception.exceptions import ModelError

PACKAGE = 'hybrid_perception'


def find_installed_model(first: Sequence[Path] = ()) -> Path:
    """Return the folder of the shipped model: in share after an install, else in the source tree.

    Args:
        first: folders to look into before.

    Raises:
        ModelError: There is none.
    """
    here = list(Path(__file__).resolve().parents)
    candidates = [*first, here[1] / 'models',
                  # A source tree near the root of the disk has no prefix so far above it.
                  *(prefix / 'share' / PACKAGE / 'models' for prefix in here[4:5])]
    for folder in candidates:
        if any(folder.glob('*.json')):
            return folder
    raise ModelError(
        'no model is named and none was installed with the package (looked into '
        f'{", ".join(map(str, candidates))}); name a manifest (.json) or ONNX file')
