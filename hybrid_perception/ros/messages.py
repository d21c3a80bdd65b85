# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ROS messages to core types and back, without a copy where there is a way."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time as TimeMsg
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from hybrid_perception.buffers import BufferPool
from hybrid_perception.image import SUPPORTED_ENCODINGS, byte_view, to_rgb
from hybrid_perception.labels import UNLABELED, ClassMap
from hybrid_perception.picture import decode_compressed
from hybrid_perception.ros.graph import printable
from hybrid_perception.ros.other_encodings import rgb_by_cv_bridge


def rgb_from_msg(
    message: Image | CompressedImage, *, bit_depth: int = 16, buffers: BufferPool | None = None
) -> NDArray[np.uint8]:
    """Return a camera image as RGB, (H, W, 3) uint8.

    The bytes of a raw rgb8 message are viewed, not copied; `step` is honoured. Encodings that the
    core does not read go to cv_bridge where it is installed.

    Args:
        message: of the camera.
        bit_depth: bits of a 16-bit channel that the camera uses.
        buffers: where memory comes from; None for new memory.

    Raises:
        EncodingError: unknown encoding, buffer too short, zero size or undecodable picture.
    """
    if isinstance(message, CompressedImage):
        # Decoders always write into new memory.
        return decode_compressed(message.data, printable(message.format))
    if message.encoding not in SUPPORTED_ENCODINGS:
        return rgb_by_cv_bridge(message)
    return to_rgb(
        message.data, height=message.height, width=message.width, encoding=message.encoding,
        step=message.step, is_bigendian=bool(message.is_bigendian), bit_depth=bit_depth,
        buffers=buffers)


def describe_msg(message: Image | CompressedImage) -> str:
    """Say in words what a camera image claims to be, for error messages."""
    if isinstance(message, CompressedImage):
        return f"format '{printable(message.format)}', {len(message.data)} bytes"
    return (f"encoding '{printable(message.encoding)}', {message.width}x{message.height}, "
            f'step {message.step}, {len(message.data)} bytes')


def msg_from_array(array: NDArray[Any], header: Header, encoding: str) -> Image:
    """Return an image message of `array`, (H, W) or (H, W, C), under the header it is given."""
    message = Image(
        header=header, height=array.shape[0], width=array.shape[1], encoding=encoding,
        is_bigendian=0, step=array.nbytes // array.shape[0])
    # The setter of `data` copies, and element by element for most types: 100 times slower.
    message.data.frombytes(byte_view(array))
    return message


class ReusedImage:
    """An image message whose memory serves frame after frame, for one publisher.

    A publisher is through with a message when `publish` returns, so its memory can be written to
    again; new memory of image size would cost a page fault for every 4 KiB.
    """

    def __init__(self) -> None:
        """Start without memory."""
        self._message: Image | None = None

    def fill(self, array: NDArray[Any], header: Header, encoding: str) -> Image:
        """Return a message of `array`, (H, W) or (H, W, C); good until the next one is filled."""
        message, data = self._message, byte_view(array)
        if message is None or len(message.data) != len(data):
            self._message = msg_from_array(array, header, encoding)
            return self._message
        message.header, message.encoding = header, encoding
        message.height, message.width = array.shape[:2]
        message.step = array.nbytes // array.shape[0]
        memoryview(message.data)[:] = data
        return message


def label_info_type() -> type | None:
    """Return vision_msgs/LabelInfo, or None where vision_msgs is not installed."""
    try:
        from vision_msgs.msg import LabelInfo
    except ImportError:
        return None
    return LabelInfo  # type: ignore[no-any-return]


def label_info_msg(class_map: ClassMap, threshold: float, header: Header) -> Any:
    """Return the LabelInfo that explains ~/label and ~/open_set_label.

    `threshold` is the active anomaly threshold. Needs vision_msgs.
    """
    from vision_msgs.msg import LabelInfo, VisionClass

    names = [*enumerate(class_map.names), (class_map.unknown_id, class_map.unknown_name),
             (UNLABELED, 'unlabeled')]
    return LabelInfo(
        header=header, threshold=threshold,
        class_map=[VisionClass(class_id=class_id, class_name=name) for class_id, name in names])


def seconds(stamp: TimeMsg) -> float:
    """Return a stamp in seconds."""
    return float(stamp.sec) + 1e-9 * float(stamp.nanosec)
