# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The model that comes with the package, as ROS finds it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from hybrid_perception.installed_model import PACKAGE, find_installed_model


def shipped_model() -> Path:
    """Return the folder of the shipped model: in share after an install, else in the source tree.

    Raises:
        ModelError: There is none.
    """
    candidates = []
    # AMENT_PREFIX_PATH does not name a venv that pip installed into, or is not set at all.
    with suppress(PackageNotFoundError, OSError):
        candidates.append(Path(get_package_share_directory(PACKAGE)) / 'models')
    return find_installed_model(candidates)
