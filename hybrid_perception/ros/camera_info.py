# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The camera's calibration for outputs of another size than the camera's image."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from hybrid_perception.geometry import Roi, scale_camera_matrix

Size = tuple[int, int]


def camera_info_for(
    info: CameraInfo, header: Header, *, image: Size, region: Roi, output: Size
) -> CameraInfo:
    """Return the calibration that belongs to the outputs of a frame.

    An unchanged geometry leaves every field but the header as it came.

    Args:
        info: calibration from the camera; its matrices belong to the full sensor image.
        header: header of the frame.
        image: (height, width) of the frame.
        region: part of the frame that the outputs show.
        output: (height, width) of the outputs.

    Source: sensor_msgs/CameraInfo. K 3x3 and P 3x4, row-major; D and R do not change.
    """
    sensor = Roi(x_offset=info.roi.x_offset, y_offset=info.roi.y_offset,
                 width=info.roi.width or info.width, height=info.roi.height or info.height)
    binned = (sensor.height // max(1, info.binning_y), sensor.width // max(1, info.binning_x))
    adapted = CameraInfo(
        header=header, height=info.height, width=info.width, d=info.d, k=info.k, r=info.r,
        p=info.p, distortion_model=info.distortion_model, binning_x=info.binning_x,
        binning_y=info.binning_y, roi=info.roi)
    whole = (region.height, region.width) == image
    if 0 in binned or (binned == image and whole and output == image):
        return adapted
    adapted.k = _adapt(np.reshape(info.k, (3, 3)), sensor, image, region, output)
    adapted.p = _adapt(np.reshape(info.p, (3, 4)), sensor, image, region, output)
    adapted.height, adapted.width = output
    # These count pixels of the sensor; the adapted matrices belong to the outputs themselves.
    adapted.binning_x = adapted.binning_y = 0
    adapted.roi = RegionOfInterest()
    return adapted


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
