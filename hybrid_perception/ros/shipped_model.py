# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where the model that comes with the package lies."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from hybrid_perception.exceptions import ModelError

PACKAGE = 'hybrid_perception'


def shipped_model() -> Path:
    """Return the folder of the shipped model: in share after an install, else in the source tree.

    Raises:
        ModelError: there is none.
    """
    candidates = []
    # AMENT_PREFIX_PATH does not name a venv that pip installed into, or is not set at all.
    with suppress(PackageNotFoundError, OSError):
        candidates.append(Path(get_package_share_directory(PACKAGE)) / 'models')
    here = Path(__file__).resolve().parents
    candidates += [here[2] / 'models', here[5] / 'share' / PACKAGE / 'models']
    for folder in candidates:
        if any(folder.glob('*.json')):
            return folder
    raise ModelError(
        'model_path is empty and no model was installed with the package (looked into '
        f'{", ".join(map(str, candidates))}); set model_path to a manifest (.json) or ONNX file')
