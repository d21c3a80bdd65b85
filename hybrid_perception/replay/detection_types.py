# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The fields of vision_msgs/Detection2DArray, which rosbags does not know.

Source: vision_msgs 4, the same from Humble on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

PACKAGE = 'vision_msgs/msg'
DETECTIONS_TYPE = f'{PACKAGE}/Detection2DArray'
FIELDS = {
    'Point2D': ('float64 x', 'float64 y'),
    'Pose2D': (f'{PACKAGE}/Point2D position', 'float64 theta'),
    'BoundingBox2D': (f'{PACKAGE}/Pose2D center', 'float64 size_x', 'float64 size_y'),
    'ObjectHypothesis': ('string class_id', 'float64 score'),
    'ObjectHypothesisWithPose': (
        'ObjectHypothesis hypothesis', 'geometry_msgs/msg/PoseWithCovariance pose'),
    'Detection2D': ('std_msgs/msg/Header header', 'ObjectHypothesisWithPose[] results',
                    'BoundingBox2D bbox', 'string id'),
    'Detection2DArray': ('std_msgs/msg/Header header', 'Detection2D[] detections'),
}
"""Names and types in their order, which is that of the serialised bytes."""


def register_detections(store: Typestore) -> None:
    """Teach a store of message types what a Detection2DArray is."""
    from rosbags.typesys import get_types_from_msg

    for name, fields in FIELDS.items():
        store.register(get_types_from_msg('\n'.join(fields) + '\n', f'{PACKAGE}/{name}'))
