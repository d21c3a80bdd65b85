# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One recorded camera image, whatever it was recorded in."""

from __future__ import annotations

from dataclasses import dataclass
import re

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.image import Buffer, to_rgb
from hybrid_perception.picture import decode_compressed

NANOSECONDS = 1_000_000_000
RAW_TYPE = 'sensor_msgs/msg/Image'
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'

_SECONDS = re.compile(r'([0-9]+)\.([0-9]{9})')
_NANOSECONDS = re.compile(r'[0-9]{15,}')


@dataclass(frozen=True, order=True)
class Stamp:
    """Time of a header, as builtin_interfaces/Time has it."""

    sec: int
    nanosec: int

    @classmethod
    def from_nanoseconds(cls, nanoseconds: int) -> Stamp:
        """Split nanoseconds into the two fields."""
        return cls(*divmod(nanoseconds, NANOSECONDS))

    @classmethod
    def from_name(cls, name: str) -> Stamp | None:
        """Read a file's name: 12.345678901, or 12345678901000000 (nanoseconds); None else."""
        if match := _SECONDS.fullmatch(name):
            return cls(int(match[1]), int(match[2]))
        return cls.from_nanoseconds(int(name)) if _NANOSECONDS.fullmatch(name) else None

    @property
    def nanoseconds(self) -> int:
        """The time in one number."""
        return self.sec * NANOSECONDS + self.nanosec

    def __str__(self) -> str:
        return f'{self.sec}.{self.nanosec:09d}'


@dataclass(frozen=True, eq=False)
class RawPicture:
    """The fields of a sensor_msgs/Image beside its header."""

    data: Buffer
    height: int
    width: int
    encoding: str
    step: int
    is_bigendian: bool = False

    def rgb(self) -> NDArray[np.uint8]:
        """Read the pixels: (H, W, 3) uint8 RGB.

        Raises:
            EncodingError: The encoding is not supported or the sizes do not fit the buffer.
        """
        return to_rgb(
            self.data, height=self.height, width=self.width, encoding=self.encoding,
            step=self.step, is_bigendian=self.is_bigendian)


@dataclass(frozen=True, eq=False)
class CompressedPicture:
    """The fields of a sensor_msgs/CompressedImage beside its header."""

    data: Buffer
    format: str

    def rgb(self) -> NDArray[np.uint8]:
        """Decode the picture: (H, W, 3) uint8 RGB.

        Raises:
            EncodingError: Not a complete JPEG or PNG.
        """
        return decode_compressed(self.data, self.format)


@dataclass(frozen=True, eq=False)
class DamagedPicture:
    """A message that could not even be taken apart."""

    reason: str

    def rgb(self) -> NDArray[np.uint8]:
        """Refuse.

        Raises:
            EncodingError: Always.
        """
        raise EncodingError(self.reason)


Picture = RawPicture | CompressedPicture | DamagedPicture


@dataclass(frozen=True, eq=False)
class Frame:
    """A camera image that is not decoded yet.

    Attributes:
        index: its number in the recording, from 0.
        topic: where it was published; for videos and folders a topic made up for it.
        log_time: when it was recorded, nanoseconds.
        stamp: stamp of its header.
        frame_id: coordinate frame of its header.
        picture: its content.
    """

    index: int
    topic: str
    log_time: int
    stamp: Stamp
    frame_id: str
    picture: Picture
