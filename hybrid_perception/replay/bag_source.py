# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Camera frames of a bag: rosbag2 (MCAP, SQLite) or ROS 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.replay.bag_reader import BagReader, Record
from hybrid_perception.replay.frame import (
    COMPRESSED_TYPE,
    RAW_TYPE,
    CompressedPicture,
    DamagedPicture,
    Frame,
    RawPicture,
    Stamp,
)

IMAGE_TYPES = (RAW_TYPE, COMPRESSED_TYPE)


class BagSource:
    """The images of some topics of a bag, in the order of recording."""

    def __init__(self, path: Path, topics: Sequence[str]) -> None:
        """Look which topics there are.

        Args:
            path: the bag.
            topics: those to read; empty for the only one that has images.

        Raises:
            ParameterError: The bag cannot be read, or the choice of topics does not fit it; the
                message lists those that it has.
        """
        self._path = path
        self.notes: list[str] = []
        with BagReader(path) as reader:
            chosen = sorted(set(topics)) or [_only_camera(path, reader.topics)]
            _check_topics(path, chosen, reader.topics)
            self.topics = {topic: reader.topics[topic] for topic in chosen}
            self.total: int | None = sum(reader.counts[topic] for topic in self.topics)
            self.notes += reader.notes

    def frames(self) -> Iterator[Frame]:
        """Read every image; equal recording times are put in the order of topics.

        Raises:
            ParameterError: The bag is damaged.
        """
        last: dict[str, Stamp] = {}
        unstamped = 0
        with BagReader(self._path) as reader:
            for index, record in enumerate(settled(reader.records(tuple(self.topics)))):
                frame = _frame(index, record)
                if not isinstance(frame.picture, DamagedPicture):
                    stamp = frame.stamp
                    # A driver that stamps nothing, or every image alike.
                    if stamp == Stamp(0, 0) or stamp == last.get(frame.topic):
                        unstamped += 1
                        frame = replace(frame, stamp=Stamp.from_nanoseconds(frame.log_time))
                    last[frame.topic] = stamp
                yield frame
            if unstamped:
                self.notes.append(
                    f'{unstamped} images have no stamp of their own (0, or that of the image '
                    'before): the time of recording was taken')
            # Damage is found where it is read.
            self.notes += [note for note in reader.notes if note not in self.notes]


def settled(records: Iterator[Record]) -> Iterator[Record]:
    """Make the order of records of one time the same for every storage format."""
    together: list[Record] = []
    for record in records:
        if together and record.log_time != together[0].log_time:
            yield from sorted(together, key=lambda waiting: waiting.topic)
            together = []
        together.append(record)
    yield from sorted(together, key=lambda waiting: waiting.topic)


def _frame(index: int, record: Record) -> Frame:
    try:
        message: Any = record.message()
    except EncodingError as error:
        return Frame(index, record.topic, record.log_time, Stamp(0, 0), '',
                     DamagedPicture(str(error)))
    stamp = message.header.stamp
    picture = (
        CompressedPicture(message.data, message.format)
        if record.type == COMPRESSED_TYPE else
        RawPicture(message.data, message.height, message.width, message.encoding, message.step,
                   bool(message.is_bigendian)))
    return Frame(index, record.topic, record.log_time, Stamp(stamp.sec, stamp.nanosec),
                 message.header.frame_id, picture)


def _only_camera(path: Path, present: dict[str, str]) -> str:
    cameras = sorted(topic for topic, type_ in present.items() if type_ in IMAGE_TYPES)
    if len(cameras) == 1:
        return cameras[0]
    if cameras:
        raise ParameterError(
            f'{path} has several image topics: {", ".join(cameras)}; choose with --topic, which '
            'may be repeated')
    raise ParameterError(f'{path} has no image topic; it has {_listed(present)}')


def _check_topics(path: Path, topics: Sequence[str], present: dict[str, str]) -> None:
    for topic in topics:
        if topic not in present:
            raise ParameterError(f'{path} has no topic {topic}; it has {_listed(present)}')
        if present[topic] not in IMAGE_TYPES:
            raise ParameterError(
                f'{topic} of {path} is {present[topic]}; images are {" or ".join(IMAGE_TYPES)}. '
                f'It has {_listed(present)}')


def _listed(present: dict[str, str]) -> str:
    return ', '.join(f'{topic} ({type_})' for topic, type_ in sorted(present.items())) or 'none'
