# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Shared memory that is large enough for images, where the user chose no other transport."""

from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from hybrid_perception.installed_model import PACKAGE

NEW_VARIABLE, OLD_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'
OTHER_CHOICE = 'FASTDDS_BUILTIN_TRANSPORTS'
BEFORE_KILTED = ('humble', 'iron', 'jazzy')


def chosen_transport() -> str:
    """Return the variable that chooses a transport of Fast DDS, with its value; empty for none."""
    for name in (NEW_VARIABLE, OLD_VARIABLE, OTHER_CHOICE):
        if os.environ.get(name):
            return f'{name}={os.environ[name]}'
    return ''


def choose_transport_profile() -> Path | None:
    """Let Fast DDS use config/fastdds_shm.xml; must come before the first rclpy context.

    Returns:
        The profile; None where the user chose a transport, or where the file is not installed.
    """
    if chosen_transport():
        return None
    candidates = []
    with suppress(PackageNotFoundError, OSError):
        candidates.append(Path(get_package_share_directory(PACKAGE)))
    here = Path(__file__).resolve().parents
    candidates += [here[2], here[5] / 'share' / PACKAGE]
    for share in candidates:
        profile = share / 'config' / 'fastdds_shm.xml'
        if profile.is_file():
            old = os.environ.get('ROS_DISTRO') in BEFORE_KILTED
            os.environ[OLD_VARIABLE if old else NEW_VARIABLE] = str(profile)
            return profile
    return None
