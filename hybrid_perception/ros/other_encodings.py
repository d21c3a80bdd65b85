# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Encodings that the core does not read, by cv_bridge where it is installed."""

from __future__ import annotations

from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.image import SUPPORTED_ENCODINGS
from hybrid_perception.ros.graph import printable


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
