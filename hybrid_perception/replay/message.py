# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Serialised messages: what bags hold and DDS sends."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.image import byte_view
from hybrid_perception.replay.frame import (
    COMPRESSED_TYPE,
    RAW_TYPE,
    CompressedPicture,
    DamagedPicture,
    Frame,
)
from hybrid_perception.replay.typestore import load_typestore

Message = tuple[str, int, bytes]
"""Topic, recording time in nanoseconds, serialised message (CDR)."""

Pieces = tuple[bytes | memoryview, ...]
"""A serialised message that lies in several places of the memory, in order."""

CAMERA_INFO_TYPE = 'sensor_msgs/msg/CameraInfo'
_NO_PIXELS = np.empty(0, np.uint8)
_COUNT = struct.Struct('=I')
_UPPER_IN_ROS1 = ('d', 'k', 'r', 'p')


def header_of(frame: Frame) -> Any:
    """Build the header of a frame, std_msgs/Header."""
    types = load_typestore().types
    time = types['builtin_interfaces/msg/Time'](frame.stamp.sec, frame.stamp.nanosec)
    return types['std_msgs/msg/Header'](time, frame.frame_id)


def input_message(frame: Frame) -> Message:
    """Serialise the camera's own message.

    Raises:
        EncodingError: It could not even be read.
    """
    store, header, picture = load_typestore(), header_of(frame), frame.picture
    if isinstance(picture, DamagedPicture):
        raise EncodingError(picture.reason)
    content = np.frombuffer(picture.data, np.uint8)
    if isinstance(picture, CompressedPicture):
        type_, message = COMPRESSED_TYPE, store.types[COMPRESSED_TYPE](
            header, picture.format, content)
    else:
        type_, message = RAW_TYPE, store.types[RAW_TYPE](
            header, picture.height, picture.width, picture.encoding, int(picture.is_bigendian),
            picture.step, content)
    return frame.topic, frame.log_time, bytes(store.serialize_cdr(message, type_))


def image_pieces(header: Any, array: NDArray[Any], encoding: str) -> Pieces:
    """Serialise an image; its pixels stay where they are.

    Args:
        header: std_msgs/Header.
        array: (H, W) or (H, W, C), contiguous or else copied.
        encoding: one of sensor_msgs/image_encodings that fits the array.

    Source: sensor_msgs/Image, whose pixels are its last field; Common Data Representation, by
    which a sequence of bytes is its length, 32 bits, and the bytes.
    """
    store, height, width = load_typestore(), *array.shape[:2]
    message = store.types[RAW_TYPE](
        header, height, width, encoding, 0, array.nbytes // height, _NO_PIXELS)
    start = bytes(store.serialize_cdr(message, RAW_TYPE))
    return start[:-_COUNT.size] + _COUNT.pack(array.nbytes), byte_view(array)


def ros2_content(message: Any, type_: str) -> bytes:
    """Serialise an image or a calibration that was read from a ROS 1 bag as ROS 2 does."""
    if type_ == CAMERA_INFO_TYPE:
        fields = {name: getattr(message, name) for name in (
            'header', 'height', 'width', 'distortion_model', 'binning_x', 'binning_y', 'roi')}
        fields |= {name: getattr(message, name.upper()) for name in _UPPER_IN_ROS1}
        message = SimpleNamespace(**fields)
    return bytes(load_typestore().serialize_cdr(message, type_))
