# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Camera bytes to RGB pixels and back to bytes, without ROS.

Encodings are the strings of sensor_msgs/image_encodings. Views are returned where no conversion
is needed; they may be read-only and padded by row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.buffers import BufferPool, take
from hybrid_perception.exceptions import EncodingError

Rgb = NDArray[np.uint8]
Buffer = Any
"""bytes, bytearray, memoryview, array.array or a uint8 array."""


class _Layout(NamedTuple):
    """How pixels lie in memory; ``code`` is None where they are RGB already."""

    channels: int
    code: int | None
    bytes_per_channel: int = 1
    planar_420: bool = False


_RGB = _Layout(3, None)
_BGR = _Layout(3, cv2.COLOR_BGR2RGB)
_BGRA = _Layout(4, cv2.COLOR_BGRA2RGB)
_MONO = _Layout(1, cv2.COLOR_GRAY2RGB)
_UYVY = _Layout(2, cv2.COLOR_YUV2RGB_UYVY)
_YUYV = _Layout(2, cv2.COLOR_YUV2RGB_YUY2)
# OpenCV names a pattern by its second row, ROS by its first: rggb is OpenCV's BG.
_BAYER = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}
_LAYOUTS: dict[str, _Layout] = {
    'rgb8': _RGB,
    'bgr8': _BGR,
    'rgba8': _Layout(4, cv2.COLOR_RGBA2RGB),
    'bgra8': _BGRA,
    'mono8': _MONO,
    '8UC1': _MONO,
    '8UC3': _BGR,
    '8UC4': _BGRA,
    'rgb16': _RGB._replace(bytes_per_channel=2),
    'bgr16': _BGR._replace(bytes_per_channel=2),
    'mono16': _MONO._replace(bytes_per_channel=2),
    'yuv422': _UYVY,
    'uyvy': _UYVY,
    'yuv422_yuy2': _YUYV,
    'yuyv': _YUYV,
    'nv12': _Layout(1, cv2.COLOR_YUV2RGB_NV12, planar_420=True),
    'nv21': _Layout(1, cv2.COLOR_YUV2RGB_NV21, planar_420=True),
    **{f'bayer_{name}8': _Layout(1, code) for name, code in _BAYER.items()},
    **{f'bayer_{name}16': _Layout(1, code, 2) for name, code in _BAYER.items()},
}

SUPPORTED_ENCODINGS = tuple(_LAYOUTS)
BAYER_CODES: dict[str, int] = {f'bayer_{name}8': code for name, code in _BAYER.items()}
"""What OpenCV's cvtColor takes for each mosaic of 8 bits."""


def to_rgb(
    data: Buffer,
    *,
    height: int,
    width: int,
    encoding: str,
    step: int,
    is_bigendian: bool = False,
    bit_depth: int = 16,
    buffers: BufferPool | None = None,
) -> Rgb:
    """Read the pixels of a sensor_msgs/Image.

    16-bit channels keep the upper 8 of their ``bit_depth`` bits. Row padding (``step`` above the
    row's bytes) is skipped.

    Args:
        data: Buffer of at least ``step`` x rows bytes. What is behind them is not read; where
            planes follow each other, it may be less than a row.
        height: Rows, pixels.
        width: Columns, pixels.
        encoding: One of ``SUPPORTED_ENCODINGS``.
        step: Bytes from one row to the next.
        is_bigendian: Byte order of 16-bit channels.
        bit_depth: Bits of a 16-bit channel that the camera uses, 8 to 16, the lower ones; greater
            values are white.
        buffers: Where memory comes from; None for new memory.

    Returns:
        (H, W, 3) uint8 RGB. For rgb8 a view of ``data``, else a contiguous array of its own.

    Raises:
        EncodingError: The encoding is not supported or the sizes do not fit the buffer.

    Source: sensor_msgs/Image, sensor_msgs/image_encodings.
    """
    layout = _LAYOUTS.get(encoding)
    if layout is None:
        raise EncodingError(
            f"image encoding '{encoding}' is not supported; use one of "
            f'{", ".join(SUPPORTED_ENCODINGS)}, or convert the image before this node'
        )
    pixels = _pixels(
        as_bytes(data), layout, height, width, step, is_bigendian, bit_depth, encoding)
    if layout.code is None and layout.bytes_per_channel == 1:
        return pixels
    rgb = take(buffers, (height, width, 3), np.uint8)
    if layout.code is None:
        np.copyto(rgb, pixels)
        return rgb
    try:
        return np.asarray(cv2.cvtColor(pixels, layout.code, rgb), np.uint8)
    except cv2.error as error:
        raise EncodingError(
            f'OpenCV cannot convert {width}x{height} {encoding} to rgb8: {error.err}'
        ) from error


def excess_bytes(data: Buffer, encoding: str, height: int, step: int) -> int:
    """Return how many bytes of an image's buffer lie behind its rows.

    Args:
        data: Buffer that ``to_rgb`` can read.
        encoding: Its encoding; of one that is not supported nothing is known, so 0.
        height: Rows, pixels.
        step: Bytes from one row to the next.
    """
    layout = _LAYOUTS.get(encoding)
    return 0 if layout is None else as_bytes(data).size - step * _rows(layout, height)


def greatest_value(data: Buffer, encoding: str, is_bigendian: bool) -> int:
    """Return the greatest value of a 16-bit image, its row padding included; 0 for any other."""
    layout = _LAYOUTS.get(encoding)
    values = as_bytes(data)
    if layout is None or layout.bytes_per_channel != 2 or values.size < 2:
        return 0
    return int(values[: values.size // 2 * 2].view('>u2' if is_bigendian else '<u2').max())


def byte_view(array: NDArray[Any]) -> memoryview:
    """View an array as the bytes that ``msg.data.frombytes`` takes in one copy.

    Args:
        array: Any shape and dtype; copied only if it is not contiguous.

    Returns:
        One-dimensional memoryview of unsigned bytes in row order.
    """
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def as_bytes(data: Buffer) -> NDArray[np.uint8]:
    """View a buffer as bytes.

    Raises:
        EncodingError: It is no contiguous buffer.
    """
    try:
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise EncodingError(
            f'image data of type {type(data).__name__} is not a contiguous buffer of bytes: '
            f'{error}'
        ) from error


def _pixels(
    buffer: NDArray[np.uint8],
    layout: _Layout,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool,
    bit_depth: int,
    encoding: str,
) -> NDArray[np.uint8]:
    """View a buffer as (rows, width, channels) or, for one channel, (rows, width)."""
    row_bytes = width * layout.channels * layout.bytes_per_channel
    rows = _rows(layout, height)
    if height <= 0 or width <= 0:
        raise EncodingError(f'{encoding} image of {width}x{height} pixels is empty')
    if step < row_bytes:
        raise EncodingError(
            f'{encoding} image of {width}x{height} has step {step}; a row has {row_bytes} bytes, '
            'so step must be at least that'
        )
    if buffer.size < step * rows:
        raise EncodingError(
            f'{encoding} image of {width}x{height} with step {step} needs {step * rows} bytes; '
            f'data has {buffer.size}'
        )
    if (layout.channels == 2 or layout.planar_420) and (
        width % 2 or (layout.planar_420 and height % 2)
    ):
        raise EncodingError(
            f'{encoding} image of {width}x{height}: pixels share their colour in pairs, so the '
            'size must be even'
        )
    if layout.planar_420 and buffer.size >= step * (rows + 1):
        raise EncodingError(
            f'{encoding} image of {width}x{height} with step {step} has {step * rows} bytes; data '
            f'has {buffer.size}, so it cannot be said where the colours begin'
        )
    table = buffer[: step * rows].reshape(rows, step)[:, :row_bytes]
    if layout.bytes_per_channel == 2:
        table = _upper_bits(table, is_bigendian, bit_depth)
    if layout.channels == 1:
        return table
    return table.reshape(rows, width, layout.channels)


def _rows(layout: _Layout, height: int) -> int:
    """Count the rows in memory, those of the colour plane included."""
    return height * 3 // 2 if layout.planar_420 else height


def _upper_bits(
    table: NDArray[np.uint8], is_bigendian: bool, bit_depth: int
) -> NDArray[np.uint8]:
    """Bring rows of 16-bit values, as bytes, to the upper 8 of their bits."""
    if bit_depth == 16:
        return table[:, 0 if is_bigendian else 1 :: 2]
    values: NDArray[np.uint16] = table.view('>u2' if is_bigendian else '<u2')
    return np.asarray(np.minimum(values >> (bit_depth - 8), 255), np.uint8)
