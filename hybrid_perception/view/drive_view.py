# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a recorded drive that is segmented while one looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
import time

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import ClassMap
from hybrid_perception.replay.overlap import overlap
from hybrid_perception.replay.replayer import Skipped, decode_frames, segment_frames
from hybrid_perception.replay.source import Source
from hybrid_perception.scene import Style
from hybrid_perception.segmentation import Segmenter
from hybrid_perception.view.view_frame import ViewFrame

PROCESSING = 'processing_time_ms'


class DriveView:
    """The frames of one camera."""

    def __init__(
        self, source: Source, segmenter: Segmenter, class_map: ClassMap, style: Style
    ) -> None:
        """Take the parts.

        Args:
            source: the recording, of one camera.
            segmenter: the loaded model.
            class_map: its names and colours.
            style: settings of the pictures.

        Raises:
            ParameterError: The recording is of several cameras.
        """
        if len(source.topics) > 1:
            raise ParameterError(
                f'a view shows one camera; choose one of {", ".join(source.topics)} with --topic')
        self._source = source
        self._segmenter = segmenter
        self._class_map = class_map
        self._style = style
        self._skipped: list[str] = []

    @property
    def total(self) -> int | None:
        """Number of frames, where the recording says so."""
        return self._source.total

    @property
    def timed(self) -> bool:
        """Always: each frame comes with the time that it took."""
        return True

    @property
    def notes(self) -> list[str]:
        """What was wrong with the recording and with frames of it."""
        return [*self._source.notes, *self._skipped]

    def frames(self, every: int = 1) -> Iterator[ViewFrame]:
        """Segment each ``every``-th frame; decoding runs ahead in a thread of its own."""
        chosen = (frame for frame in self._source.frames() if frame.index % every == 0)
        with closing(overlap(decode_frames(chosen))) as items:
            for item in items:
                start = time.perf_counter()
                for segmented in segment_frames(
                        iter((item,)), self._segmenter, self._class_map, self._style):
                    if isinstance(segmented, Skipped):
                        self._skipped.append(segmented.reason)
                        continue
                    segmentation = segmented.scene.segmentation
                    yield ViewFrame(
                        segmented.frame.stamp, segmentation.anomaly_score, segmentation.label,
                        segmented.scene.view,
                        {PROCESSING: 1000 * (time.perf_counter() - start)})
