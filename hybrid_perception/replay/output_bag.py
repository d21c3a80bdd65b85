# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The bag that replay writes: the node's topics, types, stamps and headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.replay.detection_message import TOPIC as OBJECTS
from hybrid_perception.replay.detection_message import DetectionWriter
from hybrid_perception.replay.detection_types import DETECTIONS_TYPE
from hybrid_perception.replay.frame import RAW_TYPE, Frame
from hybrid_perception.replay.message import (
    Message,
    Pieces,
    header_of,
    image_pieces,
    input_message,
)
from hybrid_perception.replay.typestore import load_typestore
from hybrid_perception.scene import ImageOutput, Scene

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

NODE_NAME = 'perception'

PiecedMessage = tuple[str, int, Pieces]
"""A ``Message`` in pieces, which must not change until the bag is closed."""


def output_prefixes(topics: Sequence[str]) -> dict[str, str]:
    """Name the node that would serve each camera.

    One camera is served by /perception; several, as on a robot, by a node each in the namespace
    of the camera: /front/image_raw by /front/perception. Cameras that share a namespace keep
    their whole name.
    """
    if len(topics) == 1:
        return {topics[0]: f'/{NODE_NAME}'}
    bases = {topic: topic.removesuffix('/compressed') for topic in topics}
    spaces = {topic: base.rpartition('/')[0] for topic, base in bases.items()}
    shared = len(set(spaces.values())) < len(topics)
    return {topic: f'{bases[topic] if shared else spaces[topic]}/{NODE_NAME}' for topic in topics}


class MessageWriter:
    """Turns frames and scenes into serialised messages, always in one order."""

    def __init__(
        self, topics: Mapping[str, str], outputs: Sequence[ImageOutput], *, with_input: bool,
        unknown_id: int | None = None,
    ) -> None:
        """Prepare the message types.

        Args:
            topics: the camera topics, with their types.
            outputs: what to make of each scene.
            with_input: put the camera's own message before them.
            unknown_id: put the objects behind them, with this id for their class; None: do not.

        Raises:
            ParameterError: rosbags is not installed.
        """
        load_typestore()
        self._detections = None if unknown_id is None else DetectionWriter(unknown_id)
        self._prefixes = output_prefixes(tuple(topics))
        self._inputs = dict(topics) if with_input else {}
        self._outputs = tuple(outputs)

    @property
    def messages_per_frame(self) -> int:
        """Number of messages that each frame becomes."""
        return len(self._outputs) + bool(self._inputs) + self.with_objects

    @property
    def with_objects(self) -> bool:
        """Whether objects are written."""
        return self._detections is not None

    def topics(self) -> dict[str, str]:
        """List the topics that are written, with their types."""
        topics = dict(self._inputs)
        for prefix in self._prefixes.values():
            topics |= {f'{prefix}/{output.topic}': RAW_TYPE for output in self._outputs}
            if self.with_objects:
                topics[f'{prefix}/{OBJECTS}'] = DETECTIONS_TYPE
        return topics

    def messages(self, frame: Frame, scene: Scene) -> list[Message | PiecedMessage]:
        """Serialise a frame's images; each carries the header of the frame."""
        header = header_of(frame)
        prefix = self._prefixes[frame.topic]
        messages: list[Message | PiecedMessage] = [input_message(frame)] if self._inputs else []
        for output in self._outputs:
            pieces = image_pieces(header, output.render(scene), output.encoding)
            messages.append((f'{prefix}/{output.topic}', frame.log_time, pieces))
        return messages

    def object_messages(self, frame: Frame, objects: Sequence[OpenSetObject]) -> list[Message]:
        """Serialise a frame's objects, where they are asked for; frames come in order."""
        if self._detections is None:
            return []
        return [self._detections.message(
            f'{self._prefixes[frame.topic]}/{OBJECTS}', frame, objects)]

    def recall(self, messages: Sequence[Message]) -> None:
        """Take the messages of the next frame, which an earlier run made."""
        if self._detections is not None:
            self._detections.recall(messages[-1])


class OutputBag:
    """A rosbag2 of one MCAP file, being written."""

    def __init__(self, folder: Path, topics: dict[str, str], *, compress: bool) -> None:
        """Make the folder and advertise the topics.

        Args:
            folder: the bag; must not exist.
            topics: message types by topic, in the order of advertising.
            compress: pack the file's chunks with Zstandard.
        """
        store = load_typestore()
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin

        from hybrid_perception.replay.mcap_storage import PieceWriter

        self.file = folder / f'{folder.name}.mcap'
        self._writer = PieceWriter(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        if compress:
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        self._connections: dict[str, Connection] = {
            topic: self._writer.add_connection(topic, type_, typestore=store)
            for topic, type_ in topics.items()}

    def write(self, message: Message | PiecedMessage) -> None:
        """Append a message."""
        topic, log_time, content = message
        pieces = content if isinstance(content, tuple) else (content,)
        self._writer.write_pieces(self._connections[topic], log_time, pieces)

    def close(self) -> None:
        """Write the index and end the file."""
        self._writer.close()

    def abort(self) -> None:
        """Leave the file as it is."""
        with suppress(OSError):   # the disk may be full
            self._writer.abort()
