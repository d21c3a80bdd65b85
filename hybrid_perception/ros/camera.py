# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the camera sends beside and about its pixels: calibration, and what is odd in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from hybrid_perception.geometry import Roi, scale_camera_matrix
from hybrid_perception.image import excess_bytes, greatest_value

ASPECT = 1.6
"""Factor between the aspect of the camera and that of the model from which on it is told."""

FRAMES = 5
"""Frames of 16 bits that are looked at before it is said that their upper bits are unused."""

Size = tuple[int, int]


def camera_info_for(
    info: CameraInfo, header: Header, *, image: Size, region: Roi, output: Size
) -> CameraInfo:
    """Return the calibration that belongs to the outputs of a frame.

    An unchanged geometry leaves every field but the header as it came, and so does a calibration
    that does not fit the frame: then nothing is known of how they belong together.

    Args:
        info: calibration from the camera; its matrices belong to the full sensor image.
        header: header of the frame.
        image: (height, width) of the frame.
        region: part of the frame that the outputs show.
        output: (height, width) of the outputs.

    Source: sensor_msgs/CameraInfo. K 3x3 and P 3x4, row-major; D and R do not change.
    """
    sensor = _sensor(info)
    adapted = CameraInfo(
        header=header, height=info.height, width=info.width, d=info.d, k=info.k, r=info.r,
        p=info.p, distortion_model=info.distortion_model, binning_x=info.binning_x,
        binning_y=info.binning_y, roi=info.roi)
    whole = (region.height, region.width) == image
    if not fits(info, image) or (whole and output == image):
        return adapted
    adapted.k = _adapt(np.reshape(info.k, (3, 3)), sensor, image, region, output)
    adapted.p = _adapt(np.reshape(info.p, (3, 4)), sensor, image, region, output)
    adapted.height, adapted.width = output
    # These count pixels of the sensor; the adapted matrices belong to the outputs themselves.
    adapted.binning_x = adapted.binning_y = 0
    adapted.roi = RegionOfInterest()
    return adapted


def described_size(info: CameraInfo) -> Size:
    """Return the (height, width) of the pictures that a calibration is for."""
    sensor = _sensor(info)
    return (sensor.height // max(1, info.binning_y), sensor.width // max(1, info.binning_x))


def fits(info: CameraInfo, image: Size) -> bool:
    """Return whether a calibration is for pictures of (height, width) pixels."""
    return described_size(info) == image


def _sensor(info: CameraInfo) -> Roi:
    return Roi(x_offset=info.roi.x_offset, y_offset=info.roi.y_offset,
               width=info.roi.width or info.width, height=info.roi.height or info.height)


def _adapt(
    matrix: np.ndarray, sensor: Roi, image: Size, region: Roi, output: Size
) -> list[float]:
    on_image = scale_camera_matrix(
        matrix, x_offset=sensor.x_offset, y_offset=sensor.y_offset,
        scale_x=image[1] / sensor.width, scale_y=image[0] / sensor.height)
    on_output = scale_camera_matrix(
        on_image, x_offset=region.x_offset, y_offset=region.y_offset,
        scale_x=output[1] / region.width, scale_y=output[0] / region.height)
    return [float(value) for value in on_output.ravel()]


class Oddities:
    """What is odd about a camera though its pictures can be read.

    It is logged once and told while it lasts. The inference thread writes, diagnostics read.
    """

    def __init__(self, node: Node, topic: str) -> None:
        """Start with a camera that is as it should be.

        Args:
            node: for its logger.
            topic: of the camera.
        """
        self._node = node
        self._topic = topic
        self._told: dict[str, str] = {}
        self._logged: set[str] = set()
        self._deep_frames = 0

    @property
    def words(self) -> tuple[str, ...]:
        """Return what is odd now."""
        return tuple(self._told.values())

    def look(self, message: Image | CompressedImage, bit_depth: int) -> None:
        """Look at how a frame lies in memory.

        Args:
            message: of the camera, which could be read.
            bit_depth: of the channels of 16 bits, as the parameter says.
        """
        if isinstance(message, CompressedImage):
            return
        excess = excess_bytes(message.data, message.encoding, message.height, message.step)
        self._note('length', excess > 0, lambda: (
            f'{self._topic}: data has {len(message.data)} bytes, step x rows of '
            f'{message.width}x{message.height} are {len(message.data) - excess}: if pictures look '
            'sheared, the driver writes another size than its header says'))
        self._look_at_depth(message, bit_depth)

    def _look_at_depth(self, message: Image, bit_depth: int) -> None:
        if bit_depth < 16 or self._deep_frames < 0:
            return
        greatest = greatest_value(message.data, message.encoding, bool(message.is_bigendian))
        if greatest >= 1 << 12:
            self._deep_frames = -1   # once is enough: 16 bits are used
        elif greatest > 0:
            self._deep_frames += 1
        self._note('depth', self._deep_frames >= FRAMES, lambda: (
            f'{self._topic}: no value of {message.encoding} was above {greatest}, so pictures are '
            'nearly black: a camera of 10 or 12 bits needs the parameter bit_depth: '
            f'{10 if greatest < 1 << 10 else 12}'))

    def look_at_aspect(self, region: Size, model: Size) -> None:
        """Compare the (height, width) that the model is shown with that which it has."""
        factor = (region[1] / region[0]) / (model[1] / model[0])
        self._note('aspect', not 1 / ASPECT <= factor <= ASPECT, lambda: (
            f'{self._topic}: {region[1]}x{region[0]} is pressed into the {model[1]}x{model[0]} of '
            'the model, so things look other than in training; set roi to a part of about '
            f'{model[1] / model[0]:.2g}:1'))

    def look_at_calibration(self, info: CameraInfo, image: Size, topic: str) -> None:
        """Compare a calibration with the (height, width) of the pictures."""
        height, width = described_size(info)
        self._note('camera_info', 0 not in (height, width) and not fits(info, image), lambda: (
            f'{topic} is for {width}x{height} and the pictures are {image[1]}x{image[0]}: it is '
            'passed on unchanged and does not belong to them'))

    def _note(self, kind: str, odd: bool, words: Callable[[], str]) -> None:
        if not odd:
            self._told.pop(kind, None)
        elif kind not in self._told:
            self._told[kind] = words()
            if kind not in self._logged:
                self._logged.add(kind)
                self._node.get_logger().warning(self._told[kind])
