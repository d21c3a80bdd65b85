# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of a bag in the order of recording, also of a bag whose recorder was killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.picture import natural_key
from hybrid_perception.replay.truncated_mcap import TruncatedMcap, is_truncated
from hybrid_perception.replay.typestore import load_typestore


@dataclass(frozen=True, eq=False)
class Record:
    """A message as it was recorded.

    Attributes:
        topic: where it was published.
        type: message type, such as sensor_msgs/msg/Image.
        log_time: when it was recorded, nanoseconds.
        content: the serialised message.
        message: gives the message itself; its fields are named as in ROS 2. Raises
            EncodingError where its bytes are damaged.
    """

    topic: str
    type: str
    log_time: int
    content: bytes
    message: Callable[[], Any]


class BagReader:
    """A bag, open for reading; a context manager.

    Attributes:
        topics: message type by topic.
        counts: number of messages by topic.
        notes: what is wrong with the bag, in words.
    """

    def __init__(self, path: Path) -> None:
        """Open the bag.

        Args:
            path: rosbag2 folder, .mcap, .db3 or ROS 1 .bag.

        Raises:
            ParameterError: It cannot be read, or rosbags is not installed.
        """
        self._path = path
        self._stack = ExitStack()
        self.notes: list[str] = []
        self._parts = self._open_parts()
        self.topics: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        for part in self._parts:
            for connection in part.connections:
                self.topics[connection.topic] = connection.msgtype
                self.counts[connection.topic] += connection.msgcount

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the bag."""
        self._stack.close()

    def records(self, topics: Sequence[str] = ()) -> Iterator[Record]:
        """Read the messages of some topics, or of all.

        Raises:
            ParameterError: The bag is damaged.
        """
        for part in self._parts:
            chosen = [connection for connection in part.connections
                      if not topics or connection.topic in topics]
            messages = iter(part.messages(chosen) if chosen else ())
            while True:
                try:
                    connection, log_time, data = next(messages)
                except StopIteration:
                    break
                # rosbags lets errors of many libraries through where a file is damaged inside.
                except Exception as error:
                    raise ParameterError(f'{self._path} is damaged: {error}') from error
                yield Record(connection.topic, connection.msgtype, log_time, data,
                             self._decoder(part, connection, data))

    def _decoder(self, part: Any, connection: Any, data: bytes) -> Callable[[], Any]:
        def decode() -> Any:
            try:
                return part.deserialize(data, connection.msgtype)
            except Exception as error:
                raise EncodingError(
                    f'a message of {connection.topic} is no {connection.msgtype}: {error}'
                ) from error
        return decode

    def _open_parts(self) -> list[Any]:
        path = self._path
        if path.is_file():
            return [self._open(path)]
        files = sorted((file for file in path.iterdir() if file.suffix in ('.mcap', '.db3')),
                       key=natural_key)
        broken = [file for file in files if file.suffix == '.mcap' and is_truncated(file)]
        if (path / 'metadata.yaml').exists() and not broken:
            return [self._open(path)]
        if not (path / 'metadata.yaml').exists():
            self.notes.append(f'{path} has no metadata.yaml: its recorder did not finish')
        return [self._open(file) for file in files]

    def _open(self, path: Path) -> Any:
        typestore = load_typestore()
        from rosbags.highlevel import AnyReader

        opened: Any = path
        try:
            if path.suffix == '.mcap' and path.is_file() and is_truncated(path):
                opened = TruncatedMcap(path)
                self.notes.append(
                    f'{path} is truncated: its recorder did not finish; read up to byte '
                    f'{opened.size} of {path.stat().st_size}')
            reader = self._stack.enter_context(
                AnyReader([opened], default_typestore=typestore))
        except Exception as error:
            self.close()
            hint = "; try 'rosbag reindex'" if path.suffix == '.bag' else ''
            raise ParameterError(f'{path} cannot be read as a bag: {error}{hint}') from error
        return reader
