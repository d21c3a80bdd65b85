# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a command may write to, decided before it works: nothing is lost that it did not make.

What a command made is known by what is in it: bags say in their MCAP header who wrote them, pages
in a meta element, lists of objects by their fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
import json
from pathlib import Path
import struct

from hybrid_perception.exceptions import ParameterError

WRITER = 'hybrid_perception'
"""Begins the name of the library in the header of our MCAP files."""

GENERATOR = f'<meta name="generator" content="{WRITER}">'
"""Stands in the head of our pages."""

_MCAP_MAGIC = b'\x89MCAP0\r\n'
_HEAD_BYTES = 4096
_LINE_FIELDS = {'stamp', 'topic', 'id', 'box'}


def check_bag(path: Path, *, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
    """Check that a bag may be written: an .mcap file, or the folder of a rosbag2.

    Raises:
        ParameterError: It is, holds, or would replace something that is no bag of ours, or it is
            there and `overwrite` is off.
    """
    _check(path, inputs, _is_bag, 'a bag written by hybrid-perception', overwrite=overwrite)


def check_page(path: Path, *, inputs: Iterable[Path] = ()) -> None:
    """Check that an HTML page may be written; an older page of ours is replaced.

    Raises:
        ParameterError: It is or would replace something else.
    """
    _check(path, inputs, _is_page, 'a page written by hybrid-perception', overwrite=True)


def check_object_lines(path: Path, *, inputs: Iterable[Path] = ()) -> None:
    """Check that a list of objects may be written; an older one is replaced.

    Raises:
        ParameterError: It is or would replace something else.
    """
    _check(path, inputs, _is_object_lines, 'a list of objects written by hybrid-perception',
           overwrite=True)


def _check(
    path: Path, inputs: Iterable[Path], is_ours: Callable[[Path], bool], what: str, *,
    overwrite: bool,
) -> None:
    place = path.resolve()
    for given in inputs:
        recording = given.resolve()
        if place == recording:
            raise ParameterError(f'{path} is the input; name another output')
        if place in recording.parents:
            raise ParameterError(
                f'{path} is a folder that holds the input {given}; name another output')
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise ParameterError(f'{path} exists; name another output, or add --overwrite')
    if not is_ours(path):
        raise ParameterError(
            f'{path} exists and is not {what}, so it is not replaced; name another output, or '
            'remove it yourself')


def _is_bag(path: Path) -> bool:
    if path.is_file():
        return _is_written_here(path)
    # A rosbag2 of ours is these two files; with anything else in it, it is more than that.
    file = path / f'{path.resolve().name}.mcap'
    return ({entry.name for entry in path.iterdir()} == {'metadata.yaml', file.name}
            and _is_written_here(file))


def _is_written_here(path: Path) -> bool:
    """Read the header of an MCAP file: magic, opcode 1, length, profile, library."""
    head = _head(path)
    try:
        if not head.startswith(_MCAP_MAGIC) or head[8] != 1:
            return False
        (profile,) = struct.unpack_from('<I', head, 17)
        (size,) = struct.unpack_from('<I', head, 21 + profile)
    except (IndexError, struct.error):
        return False
    return head[25 + profile:25 + profile + size].startswith(WRITER.encode())


def _is_page(path: Path) -> bool:
    return path.is_file() and GENERATOR.encode() in _head(path)


def _is_object_lines(path: Path) -> bool:
    if not path.is_file():
        return False
    first = _head(path).split(b'\n', 1)[0]
    try:
        line = json.loads(first or b'{}')
    except ValueError:
        return False
    # A drive without an object makes an empty list.
    return path.stat().st_size == 0 or (isinstance(line, dict) and line.keys() >= _LINE_FIELDS)


def _head(path: Path) -> bytes:
    try:
        with path.open('rb') as stream:
            return stream.read(_HEAD_BYTES)
    except OSError as error:
        raise ParameterError(f'{path} cannot be read: {error.strerror}') from error
