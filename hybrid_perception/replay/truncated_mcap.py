# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Read, and mend, MCAP files whose recorder was killed: what is complete of them is not lost.

Source: MCAP format specification, records and footer.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
import struct
from typing import Any

_MAGIC = b'\x89MCAP0\r\n'
_HEADER, _FOOTER, _DATA_END = 0x01, 0x02, 0x0F
_RECORD = struct.Struct('<BQ')
_ENDING = (
    _RECORD.pack(_DATA_END, 4) + bytes(4)    # no checksum
    + _RECORD.pack(_FOOTER, 20) + bytes(20)  # no summary, no checksum: readers scan the file
    + _MAGIC
)


def is_truncated(path: Path) -> bool:
    """Say whether a file begins as MCAP and does not end as one."""
    with path.open('rb') as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            return False
        stream.seek(max(len(_MAGIC), path.stat().st_size - len(_MAGIC)))
        return stream.read() != _MAGIC


def complete_size(path: Path) -> int:
    """Find where the last complete record of the data section ends, bytes."""
    size = path.stat().st_size
    with path.open('rb') as stream:
        end = len(_MAGIC)
        while end + _RECORD.size <= size:
            stream.seek(end)
            opcode, length = _RECORD.unpack(stream.read(_RECORD.size))
            after = end + _RECORD.size + length
            # A crash may leave zeros where a record was to be.
            if after > size or not _HEADER <= opcode < _DATA_END or opcode == _FOOTER:
                break
            end = after
    return end


def mend(path: Path) -> None:
    """End a truncated file after its last complete record, so that every reader opens it.

    Takes less room than what it cuts off whenever a chunk was cut, so it works on a full disk.
    """
    size = complete_size(path)
    with path.open('r+b') as stream:
        stream.truncate(size)
        stream.seek(size)
        stream.write(_ENDING)


class TruncatedMcap:
    """The complete part of a truncated file, as the path that rosbags opens; writes nothing."""

    suffix = '.mcap'

    def __init__(self, path: Path) -> None:
        """Look how far the file goes."""
        self._path = path
        self.size = complete_size(path)

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Say yes."""
        return True

    def is_dir(self) -> bool:
        """Say no."""
        return False

    def open(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Open for reading bytes."""
        return io.BufferedReader(_Ended(self._path, self.size), 1 << 20)


class _Ended(io.RawIOBase):
    """The first bytes of a file, and an ending that it lacks."""

    def __init__(self, path: Path, size: int) -> None:
        self._stream = path.open('rb', buffering=0)
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position,
                os.SEEK_END: self._size + len(_ENDING)}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        if self._position < self._size:
            self._stream.seek(self._position)
            content = self._stream.read(min(len(view), self._size - self._position)) or b''
        else:
            start = self._position - self._size
            content = _ENDING[start:start + len(view)]
        view[:len(content)] = content
        self._position += len(content)
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()
