# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""QoS profiles of the node's endpoints."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


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
