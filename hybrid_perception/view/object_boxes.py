# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The objects of the frames of a view, followed over those that are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.objects.tracking import ObjectTracker
from hybrid_perception.replay.frame import NANOSECONDS
from hybrid_perception.view.legend import Legend
from hybrid_perception.view.view_frame import ViewFrame


class ObjectBoxes:
    """Finds and follows objects at several operating points, each as if it were the only one."""

    def __init__(self, legend: Legend, points: Iterable[str]) -> None:
        """Begin.

        Args:
            legend: of the frames to come.
            points: names of operating points of it.
        """
        self._legend = legend
        self._trackers = {point: ObjectTracker() for point in points}

    def find(self, frame: ViewFrame) -> dict[str, tuple[OpenSetObject, ...]]:
        """Find the objects of the next frame, the largest first, by operating point."""
        seconds = frame.stamp.nanoseconds / NANOSECONDS
        found = {}
        for point, tracker in self._trackers.items():
            style = replace(self._legend.style, threshold=self._legend.points[point].threshold)
            objects = frame.scene(self._legend.class_map, style).objects
            found[point] = tracker.update(objects, seconds)
        return found
