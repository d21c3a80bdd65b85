# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""JPEG, PNG and other picture files to RGB pixels: one policy for node, replay, demo and training.

Colour becomes RGB, grey is spread to three channels, a palette is looked up, an alpha channel is
dropped, and 16-bit channels keep their upper 8 bits. What is damaged is refused and never
completed with grey. Cameras do not turn their pictures, so messages are taken as they are stored;
files of a phone say in their EXIF how they were held, and are turned upright where people look at
them, but not where label files were drawn on the stored pixels.

JPEGs are decoded by simplejpeg (libjpeg-turbo) where it is installed, which reports every warning
of the decoder; OpenCV prints those on stderr and returns a picture that is wrong from there on.
Without simplejpeg, markers and sizes are checked.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
import re
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.image import BAYER_CODES, Buffer, Rgb, as_bytes

PICTURE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.ppm', '.tif', '.tiff')

MAX_PIXELS = 1 << 26
"""Largest picture that is decoded (67 megapixels): one damaged size field in a header would
otherwise cost seconds and gigabytes."""

MAX_SCANS = 64
"""Most scans of a JPEG; encoders make about ten, and each costs a pass over the whole picture."""

_COLOR_ENCODINGS = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'rgb16', 'bgr16', 'rgba16', 'bgra16')
_JPEG_START, _JPEG_SCAN, _JPEG_END = b'\xff\xd8\xff', b'\xff\xda', b'\xff\xd9'
# Frame headers, less the three codes in their row that mean something else.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BASELINE = (0xC0, 0xC1)
# Markers that stand alone: TEM, RST0 to RST7, SOI.
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_BITS_PER_BLOCK = 2
"""Least bits of a block of 8x8 pixels in a baseline scan: one for each of two Huffman codes."""
_PNG_START = b'\x89PNG\r\n\x1a\n'
_PNG_HEADER = 33  # signature and the IHDR chunk
_EXIF_ORIENTATION = 0x0112
# The decoder writes RGB by itself from OpenCV 4.10 on.
_READ_RGB: int | None = getattr(cv2, 'IMREAD_COLOR_RGB', None)


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Order frame_2 before frame_10."""
    # Not \d: superscripts and the like are digits that int() does not take.
    return [(int(part), '') if part.isascii() and part.isdigit() else (-1, part)
            for part in re.split(r'([0-9]+)', path.name)]


def list_pictures(folder: Path) -> list[Path]:
    """List the picture files of a folder in natural order; hidden ones are left out."""
    return sorted((path for path in folder.iterdir()
                   if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith('.')),
                  key=natural_key)


def read_picture(path: Path, *, upright: bool) -> Rgb:
    """Read a picture file.

    Args:
        path: The file.
        upright: Turn it as its EXIF says; False leaves it as it is stored.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        EncodingError: The file cannot be read, is damaged, or is no picture.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EncodingError(f'{path} cannot be read: {error.strerror}') from error
    try:
        return decode_file(content, upright=upright)
    except EncodingError as error:
        raise EncodingError(f'{path}: {error}') from error


def decode_file(content: Buffer, *, upright: bool) -> Rgb:
    """Decode the content of a picture file; see `read_picture`."""
    file_bytes = as_bytes(content)
    if _is_jpeg(file_bytes.data) or _is_png(file_bytes.data):
        what = f'picture of {file_bytes.size} bytes'
        _check_file(file_bytes.data, what)
        rgb = _decode(file_bytes, what)
        return _turn(rgb, exif_orientation(file_bytes.data)) if upright else rgb
    # Of these OpenCV knows how they are to be turned, and takes no partial file.
    flags = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    bgr = _decode_by_opencv(file_bytes, f'picture of {file_bytes.size} bytes', flags)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, bgr), np.uint8)


def as_message(content: bytes) -> tuple[bytes, str]:
    """Return a picture file as data and format of a sensor_msgs/CompressedImage.

    An upright JPEG or PNG of 8 bits goes through untouched; any other becomes a PNG without loss.

    Raises:
        EncodingError: It is damaged or no picture.
    """
    jpeg, png = _is_jpeg(content), _is_png(content)
    if (jpeg or (png and not _is_deep_png(content))) and exif_orientation(content) == 1:
        return content, 'jpeg' if jpeg else 'png'
    rgb = decode_file(content, upright=True)
    stored, encoded = cv2.imencode('.png', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    assert stored
    return encoded.tobytes(), 'png'


def decode_compressed(data: Buffer, format: str) -> Rgb:
    """Decode the JPEG or PNG of a sensor_msgs/CompressedImage.

    The content says whether it is JPEG or PNG, ``format`` the order of the channels, and whether
    they are the mosaic of a Bayer sensor.

    Args:
        data: The file's bytes.
        format: For example ``jpeg``, ``png``, ``rgb8; jpeg compressed bgr8`` or
            ``bayer_rggb8; jpeg compressed bayer_rggb8``.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        EncodingError: Not a complete JPEG or PNG, or a depth image.

    Source: sensor_msgs/CompressedImage; compressed_image_transport.
    """
    file_bytes = as_bytes(data)
    source, separator, compressed = format.partition(';')
    if 'compresseddepth' in format.lower() or source.strip() in ('16UC1', '32FC1'):
        raise EncodingError(
            f"compressed format '{format}' is a depth image; subscribe to a colour camera's "
            'image/compressed'
        )
    what = f"compressed image ('{format}', {file_bytes.size} bytes)"
    if not _is_jpeg(file_bytes.data) and not _is_png(file_bytes.data):
        raise EncodingError(
            f'{what} is neither JPEG nor PNG: it begins with '
            f'{file_bytes.data[:8].hex(" ") or "nothing"}'
        )
    _check_file(file_bytes.data, what)
    mosaic = BAYER_CODES.get(source.strip())
    if mosaic is not None and 'bayer' in compressed:
        grey = _decode_by_opencv(file_bytes, what, cv2.IMREAD_GRAYSCALE)
        return np.asarray(cv2.cvtColor(grey, mosaic), np.uint8)
    rgb = _decode(file_bytes, what)
    # Old bags hold colour images whose channels were stored in the source's order; their format
    # lacks 'compressed bgr'. compressed_image_transport reads them the same way.
    swapped = bool(separator) and source in _COLOR_ENCODINGS and 'compressed bgr' not in compressed
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR, rgb), np.uint8) if swapped else rgb


def exif_orientation(content: Buffer) -> int:
    """Return how a JPEG was held, 1..8 as in EXIF 2.3, 4.6.4 A; 1 where it does not say.

    PNGs say it seldom, and readers do not agree on those: 1.
    """
    view = memoryview(content)
    if not _is_jpeg(view):
        return 1
    for marker, start, end in _jpeg_segments(view):
        if marker == 0xE1 and bytes(view[start:start + 6]) == b'Exif\0\0':
            return _orientation_of(bytes(view[start + 6:end]))
    return 1


def finds_damage() -> bool:
    """Return whether JPEGs that are damaged inside are found, for which simplejpeg is needed."""
    return _simplejpeg() is not None


@cache
def _simplejpeg() -> Any:
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg


def _decode(file_bytes: NDArray[np.uint8], what: str) -> Rgb:
    library = _simplejpeg()
    if library is not None and _is_jpeg(file_bytes.data):
        try:
            return np.asarray(library.decode_jpeg(file_bytes, colorspace='RGB'), np.uint8)
        except ValueError as error:
            # Four colours of ink, or arithmetic coding: OpenCV may know them.
            if 'nsupported' not in str(error) and 'onversion' not in str(error):
                raise EncodingError(f'{what} is damaged: {error}') from error
    order = cv2.IMREAD_COLOR if _READ_RGB is None else _READ_RGB
    pixels = _decode_by_opencv(file_bytes, what, order | cv2.IMREAD_IGNORE_ORIENTATION)
    if _READ_RGB is not None:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, pixels), np.uint8)


def _decode_by_opencv(file_bytes: NDArray[np.uint8], what: str, flags: int) -> NDArray[np.uint8]:
    """Decode by OpenCV, to what the flags say."""
    try:
        decoded = cv2.imdecode(file_bytes, flags) if file_bytes.size else None
    except cv2.error as error:
        raise EncodingError(f'{what} cannot be decoded: {error.err}') from error
    if decoded is None:
        raise EncodingError(f'{what} is damaged or of a format that cannot be read')
    return np.asarray(decoded, np.uint8)


def _is_jpeg(content: memoryview | bytes) -> bool:
    return bytes(content[:3]) == _JPEG_START


def _is_png(content: memoryview | bytes) -> bool:
    return bytes(content[:8]) == _PNG_START


def _is_deep_png(content: bytes) -> bool:
    return len(content) > _PNG_HEADER and content[24] == 16


def _check_file(content: memoryview, what: str) -> None:
    if _is_jpeg(content):
        _check_jpeg(content, what)
    else:
        _check_png(content, what)


def _check_size(width: int, height: int, what: str) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise EncodingError(
            f'{what} is damaged: its header says {width}x{height} pixels, which is not between 1 '
            f'and {MAX_PIXELS}'
        )


def _check_png(content: memoryview, what: str) -> None:
    """Walk the chunks."""
    position = len(_PNG_START) if len(content) >= _PNG_HEADER else len(content)
    while position + 12 <= len(content):
        (length,) = struct.unpack_from('>I', content, position)
        kind = bytes(content[position + 4:position + 8])
        position += 12 + length
        if kind == b'IEND' and position <= len(content):
            width, height = struct.unpack_from('>II', content, 16)
            _check_size(width, height, what)
            return
    raise EncodingError(f'{what} is a truncated PNG: its end chunk is missing')


def _check_jpeg(content: memoryview, what: str) -> None:
    """Hold what markers and sizes say against each other."""
    width = height = 0
    baseline = False
    begin = len(content)
    for marker, start, end in _jpeg_segments(content):
        if marker in _JPEG_FRAMES and end - start >= 6:
            height, width = struct.unpack_from('>HH', content, start + 1)
            baseline = marker in _JPEG_BASELINE
        begin = end
        if marker == _JPEG_SCAN[1]:
            break
    rest = bytes(content[begin:])
    end = rest.rfind(_JPEG_END)
    # An end that a scan follows is that of a thumbnail.
    if end < 0 or end < rest.rfind(_JPEG_SCAN):
        raise EncodingError(f'{what} is a truncated JPEG: its end marker is missing')
    _check_size(width, height, what)
    scans = rest.count(_JPEG_SCAN) + 1
    if scans > MAX_SCANS:
        raise EncodingError(
            f'{what} has {scans} scans; more than {MAX_SCANS} are not decoded, each costs a pass')
    blocks = -(-width // 8) * -(-height // 8)
    if baseline and end * 8 < blocks * _BITS_PER_BLOCK:
        raise EncodingError(
            f'{what} is a truncated JPEG: {end} bytes cannot hold {width}x{height} pixels')


def _jpeg_segments(content: memoryview) -> list[tuple[int, int, int]]:
    """Return marker, start and end of the segments' content, up to the first scan's header."""
    segments = []
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:  # a marker may be preceded by fill bytes
            position += 1
            continue
        if marker in _JPEG_BARE:
            position += 2
            continue
        length = int.from_bytes(content[position + 2:position + 4], 'big')
        segments.append((marker, position + 4, position + 2 + length))
        position += 2 + length
        if marker == _JPEG_SCAN[1]:
            break
    return segments


def _orientation_of(tiff: bytes) -> int:
    """Read the tag from the first directory of an EXIF block."""
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (place,) = struct.unpack_from(f'{order}I', tiff, 4)
        (count,) = struct.unpack_from(f'{order}H', tiff, place)
        for number in range(count):
            tag, _, _, value = struct.unpack_from(f'{order}HHIH', tiff, place + 2 + 12 * number)
            if tag == _EXIF_ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _turn(rgb: Rgb, orientation: int) -> Rgb:
    if orientation in (2, 4, 5, 7):
        # Mirrored; what is left is a rotation.
        rgb = rgb[:, ::-1]
        orientation = {2: 1, 4: 3, 5: 8, 7: 6}[orientation]
    quarters = {1: 0, 3: 2, 6: -1, 8: 1}[orientation]
    return np.ascontiguousarray(np.rot90(rgb, quarters))
