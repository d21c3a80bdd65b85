# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the node, or replay, said about one camera frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.bag_reader import BagReader
from hybrid_perception.replay.frame import RAW_TYPE, Stamp
from hybrid_perception.scene import LABELS

NAMES = tuple(output.topic for output in LABELS)
_ENCODINGS = {output.topic: output.encoding for output in LABELS}
_OPEN_FRAMES = 8
"""Frames of a live recording that may be incomplete at one time."""


@dataclass(frozen=True, eq=False)
class OutputFrame:
    """The images of one camera frame.

    Attributes:
        prefix: name of the node.
        stamp: the stamp that all of them carry.
        images: (H, W) each, by name: label, open_set_label, open_set_mask (uint8) and
            anomaly_score (float32), as far as the bag has them.
    """

    prefix: str
    stamp: Stamp
    images: dict[str, NDArray[Any]] = field(default_factory=dict)


def output_topics(path: Path) -> dict[str, dict[str, str]]:
    """List the topics of each node's outputs: prefix to name to topic.

    Raises:
        ParameterError: There is none; the message lists the topics of the bag.
    """
    with BagReader(path) as reader:
        found: dict[str, dict[str, str]] = {}
        for topic, type_ in sorted(reader.topics.items()):
            prefix, _, name = topic.rpartition('/')
            if type_ == RAW_TYPE and name in NAMES:
                found.setdefault(prefix, {})[name] = topic
        if not found:
            raise ParameterError(
                f'{path} has none of the outputs {", ".join(NAMES)}; it has '
                f'{", ".join(sorted(reader.topics)) or "no topic"}. Make them with '
                'hybrid-perception replay')
    return found


def read_frames(path: Path, topics: dict[str, dict[str, str]]) -> Iterator[OutputFrame]:
    """Read the frames of a bag; each comes when it is complete.

    Args:
        path: the bag.
        topics: those to read, as ``output_topics`` gives them.

    Raises:
        ParameterError: The bag is damaged.
        EncodingError: A message is.
    """
    places = {topic: (prefix, name) for prefix, names in topics.items()
              for name, topic in names.items()}
    growing: dict[tuple[str, Stamp], OutputFrame] = {}
    with BagReader(path) as reader:
        for record in reader.records(tuple(places)):
            prefix, name = places[record.topic]
            message = record.message()
            stamp = Stamp(message.header.stamp.sec, message.header.stamp.nanosec)
            key = prefix, stamp
            if name in growing.get(key, _NOTHING).images:   # a stamp that comes again
                yield growing.pop(key)
            frame = growing.setdefault(key, OutputFrame(prefix, stamp))
            frame.images[name] = _pixels(path, record.topic, name, message)
            if len(frame.images) == len(topics[prefix]):
                yield growing.pop(key)
            elif len(growing) > _OPEN_FRAMES:
                yield growing.pop(next(iter(growing)))
    yield from growing.values()


_NOTHING = OutputFrame('', Stamp(0, 0))


def _pixels(path: Path, topic: str, name: str, message: Any) -> NDArray[Any]:
    encoding = _ENCODINGS[name]
    dtype = np.dtype(np.float32 if encoding == '32FC1' else np.uint8)
    row = message.width * dtype.itemsize
    if (message.encoding != encoding or message.step != row
            or message.data.size != row * message.height):
        raise ParameterError(
            f'{path}: {topic} is {message.encoding}, {message.width}x{message.height} with step '
            f'{message.step}; an output of the node is {encoding} with step {row}')
    pixels: NDArray[Any] = message.data.view(dtype).reshape(message.height, message.width)
    return pixels
