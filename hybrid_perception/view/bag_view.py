# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a bag that replay wrote, or that was recorded of the node."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.image import to_rgb
from hybrid_perception.labels import ClassMap
from hybrid_perception.picture import decode_compressed
from hybrid_perception.replay.bag_reader import BagReader, Record
from hybrid_perception.replay.bag_source import IMAGE_TYPES
from hybrid_perception.replay.frame import COMPRESSED_TYPE, RAW_TYPE, Stamp
from hybrid_perception.replay.output_bag import output_prefixes
from hybrid_perception.scene import IMAGES
from hybrid_perception.view.frame_joiner import CAMERA, LABEL, SCORE, FrameJoiner, JoinedFrame
from hybrid_perception.view.view_frame import ViewFrame

TIME_TYPE = 'std_msgs/msg/Float64'
_OUTPUTS = {output.topic for output in IMAGES}
_DTYPES = {LABEL: ('mono8', np.uint8), SCORE: ('32FC1', np.float32)}


def score_nodes(topics: dict[str, str]) -> list[str]:
    """List the names of the nodes whose score a bag has.

    Args:
        topics: message types by topic.
    """
    return sorted(topic.removesuffix(f'/{SCORE}') for topic, type_ in topics.items()
                  if type_ == RAW_TYPE and topic.endswith(f'/{SCORE}'))


class BagView:
    """The frames of one node."""

    def __init__(
        self, path: Path, class_map: ClassMap, *, node: str | None = None,
        camera: str | None = None,
    ) -> None:
        """Look what the bag has.

        Args:
            path: the bag.
            class_map: of the model that made it.
            node: name of the node; may be left out where the bag has one.
            camera: its camera topic; where left out, the one that replay would have served by
                that name, if the bag has it.

        Raises:
            ParameterError: The bag cannot be read or lacks what is asked for; the message lists
                its topics.
        """
        self._path = path
        self._class_map = class_map
        with BagReader(path) as reader:
            self._types = dict(reader.topics)
            self.node = _choose_node(path, self._types, node)
            self.camera = _choose_camera(path, self._types, self.node, camera)
            self._topics = self._find_topics()
            self.total: int | None = reader.counts[f'{self.node}/{SCORE}'] or None
            self.notes: list[str] = list(reader.notes)
        if self.camera is None:
            self.notes.append(
                f'{path} has no camera image for {self.node}, so the overlay has none; replay '
                '--with-input writes it')

    @property
    def timed(self) -> bool:
        """Whether the bag has times of the node."""
        return TIME_TYPE in (self._types[topic] for topic in self._topics)

    def _find_topics(self) -> dict[str, str]:
        """Map the topics to read to camera, label, score, or the name of a time."""
        found = {f'{self.node}/{name}': name for name in (LABEL, SCORE)
                 if self._types.get(f'{self.node}/{name}') == RAW_TYPE}
        for topic, type_ in self._types.items():
            if type_ == TIME_TYPE and topic.startswith(f'{self.node}/debug/'):
                found[topic] = topic.rpartition('/')[2]
        if self.camera is not None:
            found[self.camera] = CAMERA
        return found

    def frames(self, every: int = 1) -> Iterator[ViewFrame]:
        """Read each ``every``-th frame that has a score.

        Raises:
            HybridPerceptionError: The bag is damaged, or its labels do not fit the model.
        """
        for index, joined in enumerate(self._joined()):
            if index % every == 0:
                yield joined.decode(self._class_map, self.notes)

    def _joined(self) -> Iterator[JoinedFrame]:
        kinds = set(self._topics.values())
        images = kinds & {CAMERA, LABEL, SCORE}
        joiner = FrameJoiner(images, kinds - images)
        with BagReader(self._path) as reader:
            for record in reader.records(tuple(self._topics)):
                kind = self._topics[record.topic]
                try:
                    message = record.message()
                except EncodingError as error:
                    self.notes.append(str(error))
                    continue
                if record.type == TIME_TYPE:
                    yield from joiner.add_time(kind, float(message.data))
                    continue
                stamp = Stamp(message.header.stamp.sec, message.header.stamp.nanosec)
                pixels = (partial(_camera_pixels, message) if kind == CAMERA
                          else partial(_output_pixels, record, kind, message))
                yield from joiner.add_image(kind, stamp, pixels)
        yield from joiner.finish()


def _choose_node(path: Path, topics: dict[str, str], node: str | None) -> str:
    nodes = score_nodes(topics)
    if node is not None and f'/{node.strip("/")}' in nodes:
        return f'/{node.strip("/")}'
    if not nodes or node is not None:
        listed = ', '.join(f'{topic} ({type_})' for topic, type_ in sorted(topics.items()))
        raise ParameterError(
            f'{path} has no topic {node or "..."}/{SCORE} to look at; it has {listed or "none"}. '
            'Make it with hybrid-perception replay, or add --model to segment the recording now')
    if len(nodes) > 1:
        raise ParameterError(
            f'{path} has scores of several nodes: {", ".join(nodes)}; choose with --node')
    return nodes[0]


def _choose_camera(
    path: Path, topics: dict[str, str], node: str, camera: str | None
) -> str | None:
    nodes = score_nodes(topics)
    outputs = {f'{name}/{output}' for name in nodes for output in _OUTPUTS}
    cameras = [topic for topic, type_ in sorted(topics.items())
               if type_ in IMAGE_TYPES and topic not in outputs]
    if camera is not None:
        if camera not in cameras:
            raise ParameterError(
                f'{path} has no camera topic {camera}; it has {", ".join(cameras) or "none"}')
        return camera
    if len(nodes) == 1 and len(cameras) == 1:
        return cameras[0]
    names = {prefix: topic for topic, prefix in output_prefixes(cameras).items()}
    return names.get(node)


def _camera_pixels(message: Any) -> NDArray[np.uint8]:
    if message.__msgtype__ == COMPRESSED_TYPE:
        return decode_compressed(message.data, message.format)
    return to_rgb(
        message.data, height=message.height, width=message.width, encoding=message.encoding,
        step=message.step, is_bigendian=bool(message.is_bigendian))


def _output_pixels(record: Record, kind: str, message: Any) -> NDArray[Any]:
    encoding, dtype = _DTYPES[kind]
    row = message.width * np.dtype(dtype).itemsize
    if (message.encoding != encoding or message.step < row
            or message.data.size < message.step * message.height or not row):
        raise EncodingError(
            f'{record.topic} is {message.encoding}, {message.width}x{message.height} with step '
            f'{message.step} and {message.data.size} bytes; the node writes {encoding}')
    rows = message.data[:message.step * message.height].reshape(message.height, message.step)
    return np.ascontiguousarray(rows[:, :row]).view(dtype)
