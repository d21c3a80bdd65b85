# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""MCAP files whose messages go to the disk from where they lie in memory.

rosbags' own storage copies each message four times on its way; with four outputs of a camera
that is what a core does for a tenth of the network's time. Behind the header the files are the
same to the bit.

Source: MCAP format specification, records Header, Message, Chunk, Message Index and Chunk Index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
import struct
from typing import TYPE_CHECKING, Any

from rosbags.rosbag2 import CompressionMode, StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter, PendingChunk

from hybrid_perception import __version__
from hybrid_perception.outputs import WRITER
from hybrid_perception.replay.message import Pieces

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

MAGIC = b'\x89MCAP0\r\n'
_HEADER, _MESSAGE, _CHUNK, _MESSAGE_INDEX = 0x01, 0x05, 0x06, 0x07
_CHUNK_BYTES = 1 << 20
_LENGTH = struct.Struct('<BQ')
_MESSAGE_HEAD = struct.Struct('<BQHIQQ')
_NO_TIME = 2**63 - 1


class PieceStorage(McapWriter):
    """rosbags' storage, with a chunk that is a list of buffers until it is written."""

    def __init__(self, path: Path, compression: CompressionMode) -> None:
        """Open the file."""
        super().__init__(path, compression)
        # Our name in the header, by which --overwrite knows what it may replace.
        header = _text('ros2') + _text(f'{WRITER} {__version__}')
        self.bio.seek(len(MAGIC))
        self.bio.truncate()
        self._put(_LENGTH.pack(_HEADER, len(header)), header)
        self._pieces: list[bytes | memoryview] = []
        self._size = 0

    def write_pieces(self, connection: Connection, timestamp: int, pieces: Pieces) -> None:
        """Append a message; its buffers must not change until the bag is closed.

        Args:
            connection: its topic.
            timestamp: when it was recorded, nanoseconds.
            pieces: its content in order, one-dimensional bytes.
        """
        self._take_definitions()
        self.message_start_time = min(timestamp, self.message_start_time)
        self.message_end_time = max(timestamp, self.message_end_time)
        self.channel_stats[connection.id] += 1
        self.chunk.message_start_time = min(timestamp, self.chunk.message_start_time)
        self.chunk.message_end_time = max(timestamp, self.chunk.message_end_time)
        self.chunk.msgs[connection.id].append((timestamp, self._size))
        length = _MESSAGE_HEAD.size - _LENGTH.size + sum(map(len, pieces))
        self._append(
            _MESSAGE_HEAD.pack(_MESSAGE, length, connection.id, 0, timestamp, timestamp), *pieces)
        if self._size > _CHUNK_BYTES:
            self.close_chunk()

    def write(self, connection: Connection, timestamp: int, data: bytes | memoryview) -> None:
        """Append a message of one piece."""
        self.write_pieces(connection, timestamp, (data,))

    def close_chunk(self) -> None:
        """Write the chunk and where its messages are."""
        self._take_definitions()
        chunk, size, pieces = self.chunk, self._size, self._pieces
        if self.compression:
            pieces = [self.compressor(b''.join(pieces))]
        stored = sum(map(len, pieces))
        times = struct.pack('<QQ', chunk.message_start_time, chunk.message_end_time)
        packing = _text(self.compression)
        head = times + struct.pack('<QI', size, 0) + packing + struct.pack('<Q', stored)
        start = self.bio.tell()
        self._put(_LENGTH.pack(_CHUNK, len(head) + stored), head, *pieces)
        end = self.bio.tell()
        offsets = b''.join(self._put_index(channel, entries)
                           for channel, entries in chunk.msgs.items())
        record = BytesIO()
        record.write(times + struct.pack('<QQI', start, end - start, len(offsets)) + offsets)
        record.write(struct.pack('<Q', self.bio.tell() - end) + packing)
        record.write(struct.pack('<QQ', stored, size))
        self.chunks.append(record)
        self.chunk = PendingChunk(_NO_TIME, 0, BytesIO(), defaultdict(list))
        self._pieces, self._size = [], 0

    def close(self, version: int, metadata: str) -> None:
        """Write what is pending, the index and the end of the file."""
        if self._pieces:
            self.close_chunk()
        super().close(version, metadata)

    def _take_definitions(self) -> None:
        """Move schemas and channels, which rosbags writes into the chunk, among the pieces."""
        if self.chunk.bio.tell():
            self._append(self.chunk.bio.getvalue())
            self.chunk.bio = BytesIO()

    def _append(self, *pieces: bytes | memoryview) -> None:
        self._pieces += pieces
        self._size += sum(map(len, pieces))

    def _put(self, *pieces: bytes | memoryview) -> None:
        for piece in pieces:
            self.bio.write(piece)

    def _put_index(self, channel: int, entries: Sequence[tuple[int, int]]) -> bytes:
        """Write the places of a channel's messages; return the place of that record."""
        offset = self.bio.tell()
        places = b''.join(struct.pack('<QQ', *entry) for entry in entries)
        record = struct.pack('<HI', channel, len(places)) + places
        self._put(_LENGTH.pack(_MESSAGE_INDEX, len(record)), record)
        return struct.pack('<HQ', channel, offset)


class PieceWriter(Writer):
    """rosbags' writer of bags, on that storage."""

    STORAGE_PLUGINS: Mapping[StoragePlugin, Any] = {StoragePlugin.MCAP: PieceStorage}

    def write_pieces(self, connection: Connection, timestamp: int, pieces: Pieces) -> None:
        """Append a message, as ``write`` does with one buffer."""
        storage = self.storage
        assert isinstance(storage, PieceStorage)
        storage.write_pieces(connection, timestamp, pieces)
        self.counts[connection.id] += 1
        self.min_timestamp = min(timestamp, self.min_timestamp)
        self.max_timestamp = max(timestamp, self.max_timestamp)


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack('<I', len(content)) + content
