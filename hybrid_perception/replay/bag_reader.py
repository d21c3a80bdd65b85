# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of a bag in the order of recording, also of a bag whose recorder was killed.

Files are recognised by their first bytes, whatever they are called, and metadata.yaml is a hint:
what the files hold is what counts. Only the types of cameras and of our own outputs are decoded,
by our own definitions, so that no topic that nobody asked for can stop a bag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
import shutil
import tempfile
from types import TracebackType
from typing import Any, Protocol

from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.picture import PICTURE_SUFFIXES, natural_key
from hybrid_perception.replay.mcap_file import MAGIC, Channel, McapFile
from hybrid_perception.replay.typestore import load_ros1_typestore, load_typestore

_SQLITE, _ROS1, _ZSTANDARD = b'SQLite format 3\0', b'#ROSBAG V2.0', b'\x28\xb5\x2f\xfd'
_PACKED = ('.mcap.zstd', '.mcap.zst', '.db3.zstd', '.db3.zst')


@dataclass(frozen=True, eq=False)
class Record:
    """A message as it was recorded.

    Attributes:
        topic: where it was published.
        type: message type, such as sensor_msgs/msg/Image.
        log_time: when it was recorded, nanoseconds.
        content: the serialised message.
        serialization: how it is packed: cdr or ros1.
        message: gives the message itself; its fields are named as in ROS 2. Raises
            EncodingError where its bytes are damaged, or its type is not known here.
    """

    topic: str
    type: str
    log_time: int
    content: bytes
    serialization: str
    message: Callable[[], Any]


def is_bag_file(path: Path) -> bool:
    """Say by its first bytes whether a file is a bag of ROS 1 or 2, or one packed as a whole."""
    head = _head(path)
    return head.startswith((MAGIC, _SQLITE, _ROS1)) or (
        head.startswith(_ZSTANDARD) and path.name.lower().endswith(_PACKED))


def bag_files(folder: Path) -> list[Path]:
    """List the bag files of a folder in natural order."""
    # Pictures are the many files that a folder may have instead.
    return sorted((path for path in folder.iterdir()
                   if path.suffix.lower() not in PICTURE_SUFFIXES and path.is_file()
                   and is_bag_file(path)), key=natural_key)


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
            path: rosbag2 folder, folder of split ROS 1 bags, or one file of either.

        Raises:
            ParameterError: It cannot be read, or a package that reads it is not installed.
        """
        self._path = path
        self._stack = ExitStack()
        self._notes: list[str] = []
        self._parts: list[_Part] = []
        try:
            files = bag_files(path) if path.is_dir() else [path]
            for file in files:
                self._parts.append(self._open(file))
            if path.is_dir():
                self._compare_with_metadata(files)
        except BaseException:
            self.close()
            raise
        # A part may have been renamed; what it holds says where it belongs.
        self._parts.sort(key=lambda part: part.start)
        self.topics: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        for part in self._parts:
            self.topics |= part.topics
            self.counts += part.counts

    @property
    def notes(self) -> list[str]:
        """Return what is wrong with the bag, as far as it was read."""
        return [*self._notes, *(note for part in self._parts for note in part.notes)]

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
        chosen = frozenset(topics)
        for part in self._parts:
            messages = part.messages(chosen)
            while True:
                try:
                    channel, log_time, data = next(messages)
                except StopIteration:
                    break
                # The libraries let errors of many kinds through where a file is damaged inside.
                except Exception as error:
                    raise ParameterError(f'{self._path} is damaged: {error}') from error
                data = _unpacked(data)
                yield Record(channel.topic, channel.type, log_time, data, channel.serialization,
                             _decoder(channel, data))

    def _open(self, path: Path) -> _Part:
        load_typestore()
        head = _head(path)
        hint = ''
        try:
            if head.startswith(_ZSTANDARD):
                return self._open(self._unpack(path))
            if head.startswith(MAGIC):
                return _McapPart(self._stack, path)
            if head.startswith(_SQLITE):
                return _RosbagsPart(self._stack, self._with_log(path), ros1=False)
            if head.startswith(_ROS1):
                hint = "; try 'rosbag reindex'"
                return _RosbagsPart(self._stack, path, ros1=True)
        except ParameterError:
            raise
        except Exception as error:
            raise ParameterError(f'{path} cannot be read as a bag: {error}{hint}') from error
        raise ParameterError(
            f'{path} cannot be read as a bag: it begins with {head[:8].hex(" ") or "nothing"}, '
            'and is no MCAP, SQLite or ROS 1 bag')

    def _unpack(self, path: Path) -> Path:
        """Unpack a file that was packed as a whole, into a folder that goes with this reader."""
        import zstandard

        target = self._scratch() / path.name.rpartition('.')[0]
        with path.open('rb') as packed, target.open('wb') as stream:
            zstandard.ZstdDecompressor().copy_stream(packed, stream)
        self._notes.append(f'{path} is packed as a whole: it was unpacked to read it')
        return target

    def _with_log(self, path: Path) -> Path:
        """Take the write-ahead log into account that a killed recorder leaves beside a database.

        SQLite merges it when it opens the file for writing, so that is done to a copy.
        """
        log = path.with_name(f'{path.name}-wal')
        if not log.is_file() or not log.stat().st_size:
            return path
        import sqlite3

        target = self._scratch() / path.name
        shutil.copyfile(path, target)
        shutil.copyfile(log, target.with_name(f'{target.name}-wal'))
        connection = sqlite3.connect(target)
        try:
            connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        finally:
            connection.close()
        self._notes.append(
            f'{path} has a write-ahead log: its recorder did not finish; both were read')
        return target

    def _scratch(self) -> Path:
        return Path(self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix='hybrid-perception-')))

    def _compare_with_metadata(self, files: Sequence[Path]) -> None:
        metadata = self._path / 'metadata.yaml'
        if not files:
            raise ParameterError(f'{self._path} holds no file of a bag')
        if not metadata.is_file():
            if not any(_head(file).startswith(_ROS1) for file in files):
                self._notes.append(
                    f'{self._path} has no metadata.yaml: its recorder did not finish')
            return
        from ruamel.yaml import YAML

        named: list[str] = []
        with suppress(Exception):  # a hint only
            document = YAML(typ='safe').load(metadata)
            named = [str(name) for name in document['rosbag2_bagfile_information'][
                'relative_file_paths']]
        present = {file.name for file in files}
        missing = [name for name in named if Path(name).name not in present]
        if missing and len(present) < len(named):
            self._notes.append(
                f'{self._path} lacks {", ".join(missing)}, which its metadata.yaml names')


class _Part(Protocol):
    """One file of a bag."""

    start: int
    topics: dict[str, str]
    counts: Counter[str]

    @property
    def notes(self) -> list[str]: ...

    def messages(self, topics: frozenset[str]) -> Iterator[tuple[Channel, int, bytes]]: ...


class _McapPart:
    def __init__(self, stack: ExitStack, path: Path) -> None:
        self._file = McapFile(path)
        stack.callback(self._file.close)
        self.start = self._file.start
        self.topics = {channel.topic: channel.type for channel in self._file.channels.values()}
        self.counts = self._file.counts

    @property
    def notes(self) -> list[str]:
        return self._file.notes

    def messages(self, topics: frozenset[str]) -> Iterator[tuple[Channel, int, bytes]]:
        return self._file.messages(topics)


class _RosbagsPart:
    """A database of ROS 2 or a bag of ROS 1, as rosbags reads it, message by message."""

    def __init__(self, stack: ExitStack, path: Path, *, ros1: bool) -> None:
        from rosbags.rosbag1 import Reader as Ros1Reader
        from rosbags.rosbag2 import Reader as Ros2Reader

        suffix = '.bag' if ros1 else '.db3'
        if path.suffix != suffix:
            # It tells formats apart by the ending.
            folder = Path(stack.enter_context(
                tempfile.TemporaryDirectory(prefix='hybrid-perception-')))
            (folder / f'bag{suffix}').symlink_to(path.resolve())
            path = folder / f'bag{suffix}'
        reader: Any = Ros1Reader(path) if ros1 else Ros2Reader(path)
        self._reader = stack.enter_context(reader)
        self.start = int(self._reader.start_time)
        self._serialization = 'ros1' if ros1 else 'cdr'
        self.topics: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        for connection in self._reader.connections:
            self.topics[connection.topic] = connection.msgtype
            self.counts[connection.topic] += connection.msgcount
        self.notes: list[str] = []

    def messages(self, topics: frozenset[str]) -> Iterator[tuple[Channel, int, bytes]]:
        chosen = [connection for connection in self._reader.connections
                  if not topics or connection.topic in topics]
        for connection, log_time, data in self._reader.messages(chosen) if chosen else ():
            yield (Channel(connection.topic, connection.msgtype, self._serialization), log_time,
                   data)


def _head(path: Path) -> bytes:
    with suppress(OSError), path.open('rb') as stream:
        return stream.read(16)
    return b''


def _unpacked(data: bytes) -> bytes:
    """Unpack a message that was packed by itself; a serialised one never begins like that."""
    if data[:4] != _ZSTANDARD:
        return data
    import zstandard

    unpacked: bytes = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return unpacked


def _decoder(channel: Channel, data: bytes) -> Callable[[], Any]:
    def decode() -> Any:
        try:
            if channel.serialization == 'ros1':
                return load_ros1_typestore().deserialize_ros1(data, channel.type)
            if channel.serialization == 'cdr':
                return load_typestore().deserialize_cdr(data, channel.type)
        except Exception as error:
            raise EncodingError(
                f'a message of {channel.topic} is no {channel.type}: {error}') from error
        raise EncodingError(
            f'{channel.topic} is packed as {channel.serialization}; want cdr or ros1')
    return decode
