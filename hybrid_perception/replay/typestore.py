# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The message types that are read and written without ROS."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.detection_types import register_detections

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore


@cache
def load_typestore() -> Typestore:
    """Load the messages that are needed; they have been the same from Humble to Kilted.

    Raises:
        ParameterError: rosbags is not installed.
    """
    try:
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise ParameterError(
            f"recordings need the package rosbags ({error}); install it with 'pip install rosbags "
            "tqdm' or with this package's extra 'replay'") from error
    store = get_typestore(Stores.ROS2_JAZZY)
    register_detections(store)
    return store


@cache
def load_ros1_typestore() -> Typestore:
    """Load the same messages as ROS 1 has them, whose headers have a counter."""
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS1_NOETIC)
