# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How messages travel: QoS of the endpoints, and shared memory that is large enough for images."""

from __future__ import annotations

from contextlib import suppress
import os
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

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


def input_qos() -> QoSProfile:
    """Return the camera's profile: best effort, so that every camera matches; newest only."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def keeps_newest_only(profile: QoSProfile) -> bool:
    """Return whether a subscription's queue is one deep."""
    return bool(profile.history == HistoryPolicy.KEEP_LAST and profile.depth == 1)


def output_qos() -> QoSProfile:
    """Return the outputs' profile: reliable, which serves best-effort readers as well."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=2,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


def latched_qos() -> QoSProfile:
    """Return the profile of LabelInfo: late joiners get the last message."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def overridable() -> QoSOverridingOptions:
    """Allow `qos_overrides.<topic>.<publisher|subscription>.<history|depth|reliability>`."""
    return QoSOverridingOptions.with_default_policies()
