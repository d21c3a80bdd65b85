# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""MCAP files as they are found: whole, cut short by a crash, damaged in places, of any profile.

The records are walked by their lengths, so neither an index nor a closing record is needed, and
only chunks that hold messages of the asked topics' file are unpacked. The records themselves are
read by the package mcap.

Source: MCAP format specification, records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
import heapq
import io
import os
from pathlib import Path
import struct
from typing import Any, BinaryIO

MAGIC = b'\x89MCAP0\r\n'
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE = 0x01, 0x02, 0x03, 0x04, 0x05
_CHUNK, _MESSAGE_INDEX, _DATA_END = 0x06, 0x07, 0x0F
_RECORD = struct.Struct('<BQ')
_STEP = 1 << 12
_ENDING = (
    _RECORD.pack(_DATA_END, 4) + bytes(4)    # no checksum
    + _RECORD.pack(_FOOTER, 20) + bytes(20)  # no summary, no checksum: readers scan the file
    + MAGIC
)


def is_truncated(path: Path) -> bool:
    """Say whether a file begins as MCAP and does not end as one."""
    with path.open('rb') as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return False
        stream.seek(max(len(MAGIC), path.stat().st_size - len(MAGIC)))
        return stream.read() != MAGIC


def complete_size(path: Path) -> int:
    """Find where the last complete record of the data section ends, bytes."""
    with path.open('rb') as stream:
        end = len(MAGIC)
        for opcode, start, length in _records(stream):
            if opcode >= _DATA_END or opcode == _FOOTER:
                break
            end = start + length
    return end


def finish(path: Path) -> None:
    """End a truncated file after its last complete record, so that every reader opens it.

    Takes less room than what it cuts off whenever a chunk was cut, so it works on a full disk.
    """
    size = complete_size(path)
    with path.open('r+b') as stream:
        stream.truncate(size)
        stream.seek(size)
        stream.write(_ENDING)


@dataclass(frozen=True)
class Channel:
    """A topic as a file declares it.

    Attributes:
        topic: its name.
        type: message type as ROS 2 writes it, such as sensor_msgs/msg/Image.
        serialization: how its messages are packed: cdr, ros1, json, protobuf, ...
    """

    topic: str
    type: str
    serialization: str


@dataclass
class _Piece:
    """A chunk, or a message that is in none."""

    time: int
    start: int
    length: int
    is_chunk: bool
    counts: Counter[int] = field(default_factory=Counter)


class McapFile:
    """One file, open for reading.

    Attributes:
        channels: by their id in the file.
        counts: number of messages by topic.
        start: when the first message was recorded, nanoseconds; 0 without one.
        notes: what is wrong with the file, in words.
    """

    def __init__(self, path: Path) -> None:
        """Walk the records.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is no MCAP file.
        """
        self._path = path
        self._stream = path.open('rb')
        self.notes: list[str] = []
        self.channels: dict[int, Channel] = {}
        self._schemas: dict[int, str] = {}
        self._pieces: list[_Piece] = []
        if self._stream.read(len(MAGIC)) != MAGIC:
            raise ValueError('it does not begin as MCAP')
        self._walk()
        for piece in self._pieces:
            # What the summary or an index does not say is in the chunk itself.
            if piece.is_chunk and (not piece.counts or not piece.counts.keys() <= (
                    self.channels.keys())):
                piece.counts = Counter(m.channel_id for m in self._messages_of(piece))
        self.counts: Counter[str] = Counter()
        for piece in self._pieces:
            for number, count in piece.counts.items():
                if number in self.channels:
                    self.counts[self.channels[number].topic] += count
        self._pieces.sort(key=lambda piece: (piece.time, piece.start))
        self.start = self._pieces[0].time if self._pieces else 0
        if is_truncated(path):
            self.notes.append(
                f'{path} is truncated: its recorder did not finish; read up to byte '
                f'{complete_size(path)} of {path.stat().st_size}')

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def messages(self, topics: frozenset[str]) -> Iterator[tuple[Channel, int, bytes]]:
        """Read the messages of some topics, or of all where none is named, in order of time.

        A chunk that is damaged is left out, with a note.
        """
        waiting: list[tuple[int, int, Channel, bytes]] = []
        count = 0
        for piece in self._pieces:
            while waiting and waiting[0][0] < piece.time:
                time, _, channel, data = heapq.heappop(waiting)
                yield channel, time, data
            wanted = {number for number in piece.counts if number in self.channels
                      and (not topics or self.channels[number].topic in topics)}
            if not wanted:
                continue
            for message in self._messages_of(piece):
                if message.channel_id in wanted:
                    count += 1
                    heapq.heappush(waiting, (message.log_time, count,
                                             self.channels[message.channel_id], message.data))
        while waiting:
            time, _, channel, data = heapq.heappop(waiting)
            yield channel, time, data

    def _walk(self) -> None:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Channel as ChannelRecord
        from mcap.records import Schema

        last: _Piece | None = None
        for opcode, start, length in _records(self._stream):
            if opcode in (_SCHEMA, _CHANNEL):
                content = ReadDataStream(io.BytesIO(self._read(start, length)))
                self._declare((Schema if opcode == _SCHEMA else ChannelRecord).read(content))
            elif opcode == _CHUNK and length >= 16:
                (time,) = struct.unpack('<Q', self._read(start, 8))
                last = _Piece(time, start, length, is_chunk=True)
                self._pieces.append(last)
            elif opcode == _MESSAGE_INDEX and last is not None and length >= 6:
                number, size = struct.unpack('<HI', self._read(start, 6))
                last.counts[number] += size // 16
            elif opcode == _MESSAGE and length >= 22:
                number, _, time = struct.unpack('<HIQ', self._read(start, 14))
                self._pieces.append(
                    _Piece(time, start, length, is_chunk=False, counts=Counter([number])))

    def _declare(self, record: Any) -> None:
        if hasattr(record, 'topic'):
            type_ = self._schemas.get(record.schema_id, '')
            package, slash, name = type_.partition('/')
            if slash and '/' not in name:
                type_ = f'{package}/msg/{name}'  # as ROS 1 writes it
            self.channels[record.id] = Channel(record.topic, type_, record.message_encoding)
        else:
            self._schemas[record.id] = record.name

    def _messages_of(self, piece: _Piece) -> list[Any]:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Chunk, Message
        from mcap.stream_reader import breakup_chunk

        content = ReadDataStream(io.BytesIO(self._read(piece.start, piece.length)))
        if not piece.is_chunk:
            return [Message.read(content, piece.length)]
        chunk = Chunk.read(content)
        try:
            records = breakup_chunk(chunk, validate_crc=True)
        # Each packing has errors of its own.
        except Exception as error:
            records = _before_the_damage(chunk)
            lost = sum(piece.counts.values()) - sum(isinstance(r, Message) for r in records)
            note = (f'{self._path} is damaged: of the chunk at byte {piece.start} '
                    f'{f"{lost} messages are" if lost > 0 else "the rest is"} lost ({error})')
            if note not in self.notes:
                self.notes.append(note)
        for record in records:
            if not isinstance(record, Message):
                self._declare(record)
        return [record for record in records if isinstance(record, Message)]

    def _read(self, start: int, length: int) -> bytes:
        self._stream.seek(start)
        return self._stream.read(length)


def _before_the_damage(chunk: Any) -> list[Any]:
    """Unpack the records of a damaged chunk that lie before the damage, where that can be told.

    Zstandard gives what it has unpacked, block by block; of others nothing can be trusted.
    """
    if chunk.compression != 'zstd':
        return []
    from dataclasses import replace

    from mcap.stream_reader import breakup_chunk
    import zstandard

    unpacked = bytearray()
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        for start in range(0, len(chunk.data), _STEP):
            unpacked += decompressor.decompress(chunk.data[start:start + _STEP])
        return []  # it unpacks, and only its checksum says that it is wrong: anywhere
    except zstandard.ZstdError:
        end = 0
    while end + _RECORD.size <= len(unpacked):
        _, length = _RECORD.unpack_from(unpacked, end)
        if end + _RECORD.size + length > len(unpacked):
            break
        end += _RECORD.size + length
    return breakup_chunk(replace(
        chunk, compression='', data=bytes(unpacked[:end]), uncompressed_size=end))


def _records(stream: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Walk the complete records: opcode, and start and length of the content."""
    size = os.fstat(stream.fileno()).st_size
    end = len(MAGIC)
    while end + _RECORD.size <= size:
        stream.seek(end)
        opcode, length = _RECORD.unpack(stream.read(_RECORD.size))
        start = end + _RECORD.size
        end = start + length
        # A crash may leave zeros where a record was to be; the magic ends the file.
        if end > size or opcode < _HEADER or opcode == MAGIC[0]:
            return
        yield opcode, start, length
