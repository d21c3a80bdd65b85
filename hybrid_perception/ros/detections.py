# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The objects of a frame as vision_msgs/Detection2DArray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from std_msgs.msg import Header

from hybrid_perception.objects.open_set_object import OpenSetObject


def detection_array_type() -> type | None:
    """Return vision_msgs/Detection2DArray, or None where vision_msgs is not installed."""
    try:
        from vision_msgs.msg import Detection2DArray
    except ImportError:
        return None
    return Detection2DArray  # type: ignore[no-any-return]


def detections_msg(objects: Sequence[OpenSetObject], unknown_id: int, header: Header) -> Any:
    """Return the Detection2DArray of the objects of one frame. Needs vision_msgs.

    The first hypothesis of each is the unknown class, with the object's confidence; the second is
    the known class that it resembles most, with a score of 0, because the node does not hold it
    for one. Ids of classes are those of LabelInfo. The centre of a box is `x + width / 2`, as in
    `create_aabb` of vision_msgs.
    """
    from vision_msgs.msg import Detection2DArray

    return Detection2DArray(
        header=header,
        detections=[_detection(item, unknown_id, header) for item in objects])


def _detection(item: OpenSetObject, unknown_id: int, header: Header) -> Any:
    from vision_msgs.msg import Detection2D

    detection = Detection2D(header=header, id=str(item.id) if item.id else '')
    detection.bbox.center.position.x = item.x + item.width / 2
    detection.bbox.center.position.y = item.y + item.height / 2
    detection.bbox.size_x, detection.bbox.size_y = float(item.width), float(item.height)
    detection.results = [_hypothesis(unknown_id, item.confidence),
                         _hypothesis(item.resembles, 0.0)]
    return detection


def _hypothesis(class_id: int, score: float) -> Any:
    from vision_msgs.msg import ObjectHypothesisWithPose

    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id, result.hypothesis.score = str(class_id), score
    return result
