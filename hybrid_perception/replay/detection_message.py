# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The objects of a drive as the node publishes them, vision_msgs/Detection2DArray."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.objects.tracking import ObjectTracker
from hybrid_perception.replay.detection_types import DETECTIONS_TYPE, PACKAGE
from hybrid_perception.replay.frame import NANOSECONDS, Frame, Stamp
from hybrid_perception.replay.message import Message, header_of
from hybrid_perception.replay.typestore import load_typestore

TOPIC = 'objects'


class DetectionWriter:
    """Follows the objects of each camera and serialises them; for one thread, frames in order."""

    def __init__(self, unknown_id: int) -> None:
        """Begin.

        Args:
            unknown_id: id of the unknown class.
        """
        self._unknown_id = unknown_id
        self._store = load_typestore()
        self._trackers: defaultdict[str, ObjectTracker] = defaultdict(ObjectTracker)

    def message(self, topic: str, frame: Frame, objects: Sequence[OpenSetObject]) -> Message:
        """Give the objects of a camera's next frame their ids and serialise them."""
        followed = self._trackers[topic].update(objects, _seconds(frame.stamp))
        message = detections(followed, self._unknown_id, header_of(frame))
        return topic, frame.log_time, bytes(self._store.serialize_cdr(message, DETECTIONS_TYPE))

    def recall(self, message: Message) -> None:
        """Take a message that was made before for the camera's next frame.

        Ids follow from the boxes alone, so the next frame has the ids that it would have had.
        """
        topic, _, content = message
        array: Any = self._store.deserialize_cdr(content, DETECTIONS_TYPE)
        stamp = Stamp(array.header.stamp.sec, array.header.stamp.nanosec)
        self._trackers[topic].update(
            [_boxed(detection.bbox) for detection in array.detections], _seconds(stamp))


def detections(objects: Sequence[OpenSetObject], unknown_id: int, header: Any) -> Any:
    """Build the message of one frame, field by field as ``ros.detections`` does."""
    types = load_typestore().types
    return types[DETECTIONS_TYPE](
        header, [_detection(types, item, unknown_id, header) for item in objects])


def _detection(types: Any, item: OpenSetObject, unknown_id: int, header: Any) -> Any:
    centre = types[f'{PACKAGE}/Point2D'](item.x + item.width / 2, item.y + item.height / 2)
    box = types[f'{PACKAGE}/BoundingBox2D'](
        types[f'{PACKAGE}/Pose2D'](centre, 0.0), float(item.width), float(item.height))
    results = [_hypothesis(types, unknown_id, item.confidence),
               _hypothesis(types, item.resembles, 0.0)]
    return types[f'{PACKAGE}/Detection2D'](
        header, results, box, str(item.id) if item.id else '')


def _hypothesis(types: Any, class_id: int, score: float) -> Any:
    pose = types['geometry_msgs/msg/Pose'](
        types['geometry_msgs/msg/Point'](0.0, 0.0, 0.0),
        types['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0))   # as ROS fills in
    return types[f'{PACKAGE}/ObjectHypothesisWithPose'](
        types[f'{PACKAGE}/ObjectHypothesis'](str(class_id), score),
        types['geometry_msgs/msg/PoseWithCovariance'](pose, np.zeros(36)))


def _boxed(box: Any) -> OpenSetObject:
    """Give what the tracker looks at; whole pixels are exact in floating point."""
    width, height = int(box.size_x), int(box.size_y)
    centre = box.center.position
    return OpenSetObject(
        x=int(centre.x - width / 2), y=int(centre.y - height / 2), width=width, height=height,
        area=0, centroid=(centre.x, centre.y), mean_score=0.0, max_score=0.0, confidence=0.0,
        resembles=0, resembles_share=0.0)


def _seconds(stamp: Stamp) -> float:
    return stamp.nanoseconds / NANOSECONDS
