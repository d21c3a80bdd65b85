# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ROS messages to core types and back, without a copy where there is a way."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from builtin_interfaces.msg import Time as TimeMsg
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from hybrid_perception.buffers import BufferPool
from hybrid_perception.exceptions import EncodingError
from hybrid_perception.image import SUPPORTED_ENCODINGS, byte_view, to_rgb
from hybrid_perception.labels import UNLABELED, ClassMap
from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.picture import decode_compressed
from hybrid_perception.ros.graph import printable


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


def detection_array_type() -> type | None:
    """Return vision_msgs/Detection2DArray, or None where vision_msgs is not installed."""
    try:
        from vision_msgs.msg import Detection2DArray
    except ImportError:
        return None
    return Detection2DArray  # type: ignore[no-any-return]


def detections_msg(objects: Sequence[OpenSetObject], unknown_id: int, header: Header) -> Any:
    """Return the Detection2DArray of the objects of one frame. Needs vision_msgs.

    The first hypothesis of each is the unknown class, with the object's confidence; the second is
    the known class that it resembles most, with a score of 0, because the node does not hold it
    for one. Ids of classes are those of LabelInfo. The centre of a box is `x + width / 2`, as in
    `create_aabb` of vision_msgs.
    """
    from vision_msgs.msg import Detection2DArray

    return Detection2DArray(
        header=header,
        detections=[_detection(item, unknown_id, header) for item in objects])


def _detection(item: OpenSetObject, unknown_id: int, header: Header) -> Any:
    from vision_msgs.msg import Detection2D

    detection = Detection2D(header=header, id=str(item.id) if item.id else '')
    detection.bbox.center.position.x = item.x + item.width / 2
    detection.bbox.center.position.y = item.y + item.height / 2
    detection.bbox.size_x, detection.bbox.size_y = float(item.width), float(item.height)
    detection.results = [_hypothesis(unknown_id, item.confidence),
                         _hypothesis(item.resembles, 0.0)]
    return detection


def _hypothesis(class_id: int, score: float) -> Any:
    from vision_msgs.msg import ObjectHypothesisWithPose

    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id, result.hypothesis.score = str(class_id), score
    return result


def rgb_by_cv_bridge(message: Image) -> NDArray[np.uint8]:
    """Return an image of an encoding outside the core's table as RGB, (H, W, 3) uint8.

    Raises:
        EncodingError: cv_bridge is not installed, does not load, or cannot convert the image.
    """
    try:
        bridge = import_module('cv_bridge').CvBridge()
    except Exception as error:  # its compiled part fails in many ways beside NumPy 2
        msg = (f"image encoding '{printable(message.encoding)}' is not supported; use one of "
               f'{", ".join(SUPPORTED_ENCODINGS)}, or install cv_bridge, which knows more '
               f'(here: {error})')
        raise EncodingError(msg) from error
    try:
        return np.ascontiguousarray(bridge.imgmsg_to_cv2(message, 'rgb8'), np.uint8)
    except Exception as error:  # CvBridgeError, cv2.error, or NumPy's own for a short buffer
        msg = (f"cv_bridge cannot convert image encoding '{printable(message.encoding)}' to rgb8: "
               f'{printable(str(error))}')
        raise EncodingError(msg) from error
