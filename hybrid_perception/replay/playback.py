# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A recording as the serialised messages of its cameras, to be sent again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.replay.bag_reader import BagReader, Record
from hybrid_perception.replay.bag_source import IMAGE_TYPES, settled
from hybrid_perception.replay.message import (
    CAMERA_INFO_TYPE,
    Message,
    input_message,
    ros2_content,
)
from hybrid_perception.replay.source import Source, is_bag, open_source


@dataclass(frozen=True)
class Unplayable:
    """A message that cannot be sent, and why."""

    reason: str


class Playback(Protocol):
    """What there is to play."""

    @property
    def topics(self) -> dict[str, str]:
        """The topics that are played, with their message types."""
        ...

    @property
    def notes(self) -> list[str]:
        """What was found wrong with the recording so far, in words."""
        ...

    def messages(self) -> Iterator[Message | Unplayable]:
        """Read everything once, in the order of recording; each call starts anew."""
        ...


def open_playback(
    path: Path, *, topics: Sequence[str] = (), fps: float | None = None
) -> Playback:
    """Open a bag, a video file or a folder of pictures for playing.

    Args:
        path: as for ``open_source``.
        topics: camera topics of a bag, each with the camera_info beside it; empty for all
            images and calibrations that it has.
        fps: as for ``open_source``.

    Raises:
        ParameterError: Nothing can be read from there, or an argument does not fit.
    """
    if not is_bag(path):
        return _Frames(open_source(path, topics=topics, fps=fps))
    if not topics:
        with BagReader(path) as reader:
            topics = [topic for topic, type_ in reader.topics.items() if type_ in IMAGE_TYPES]
            everything = {topic: type_ for topic, type_ in reader.topics.items()
                          if type_ in (*IMAGE_TYPES, CAMERA_INFO_TYPE)}
    else:
        with BagReader(path) as reader:
            everything = _with_calibration(topics, reader.topics)
    # Refuses what is no camera, and lists the topics of a bag that has none.
    source = open_source(path, topics=topics, fps=fps)
    return _Bag(path, everything, source.notes)


def calibration_topic(camera: str) -> str:
    """Name the camera_info beside an image topic, as image_transport does."""
    return f'{camera.removesuffix("/compressed").rpartition("/")[0]}/camera_info'


def _with_calibration(cameras: Sequence[str], present: dict[str, str]) -> dict[str, str]:
    beside = {calibration_topic(camera) for camera in cameras}
    return {topic: type_ for topic, type_ in present.items()
            if topic in cameras or (topic in beside and type_ == CAMERA_INFO_TYPE)}


class _Bag:
    """The messages of a bag, as they are."""

    def __init__(self, path: Path, topics: dict[str, str], notes: list[str]) -> None:
        self._path = path
        self.topics = topics
        self.notes = notes

    def messages(self) -> Iterator[Message | Unplayable]:
        with BagReader(self._path) as reader:
            for record in settled(reader.records(tuple(self.topics))):
                yield self._message(record)

    def _message(self, record: Record) -> Message | Unplayable:
        # A reader would fail at damaged bytes in the middle of its own work.
        try:
            message = record.message()
        except EncodingError as error:
            return Unplayable(f'at {record.log_time} ns: {error}')
        content = (ros2_content(message, record.type) if record.serialization == 'ros1'
                   else bytes(record.content))
        return record.topic, record.log_time, content


class _Frames:
    """The frames of a video or of a folder, as messages of one camera."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.topics = dict(source.topics)

    @property
    def notes(self) -> list[str]:
        return self._source.notes

    def messages(self) -> Iterator[Message | Unplayable]:
        return (input_message(frame) for frame in self._source.frames())
