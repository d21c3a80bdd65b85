# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Camera matrices of outputs that show less or are smaller."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from hybrid_perception.geometry import Roi
from hybrid_perception.ros.camera_info import camera_info_for

HEADER = Header(frame_id='camera')
POINT = np.array([0.3, -0.2, 2.0])


def info(**fields) -> CameraInfo:
    return CameraInfo(**{'width': 640, 'height': 480, **fields, 'k': [
        500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0], 'p': [
        500.0, 0.0, 319.5, -50.0, 0.0, 510.0, 239.5, 0.0, 0.0, 0.0, 1.0, 0.0]})


def pixel(k) -> np.ndarray:
    """Return where a camera sees the point, in pixels whose centres are integers."""
    x, y, depth = np.reshape(k, (3, 3)) @ POINT
    return np.array([x, y]) / depth


def test_the_same_geometry_leaves_every_field_alone():
    given = info(binning_x=0, roi=RegionOfInterest(do_rectify=True))
    same = camera_info_for(given, HEADER, image=(480, 640), region=Roi(width=640, height=480),
                           output=(480, 640))
    given.header = HEADER
    assert same == given


def test_a_point_is_seen_where_crop_and_resize_move_it():
    region = Roi(x_offset=100, y_offset=40, width=400, height=320)
    adapted = camera_info_for(
        info(), HEADER, image=(480, 640), region=region, output=(160, 200))
    expected = (pixel(info().k) + 0.5 - [100, 40]) / 2 - 0.5
    np.testing.assert_allclose(pixel(adapted.k), expected)
    assert (adapted.width, adapted.height) == (200, 160)
    # The baseline term is a length in pixels: it scales and does not move.
    np.testing.assert_allclose(adapted.p[3], -25.0)


def test_a_driver_that_bins_and_crops_itself_is_understood():
    given = info(binning_x=2, binning_y=2,
                 roi=RegionOfInterest(x_offset=40, y_offset=80, width=400, height=320))
    whole = Roi(width=200, height=160)
    same = camera_info_for(given, HEADER, image=(160, 200), region=whole, output=(160, 200))
    assert (same.binning_x, same.roi.width, same.width) == (2, 400, 640)
    adapted = camera_info_for(given, HEADER, image=(160, 200), region=whole, output=(80, 100))
    expected = (pixel(info().k) + 0.5 - [40, 80]) / 4 - 0.5
    np.testing.assert_allclose(pixel(adapted.k), expected)
    assert (adapted.binning_x, adapted.roi.width) == (0, 0)


def test_an_uncalibrated_camera_is_passed_on():
    empty = camera_info_for(CameraInfo(), HEADER, image=(480, 640),
                            region=Roi(width=640, height=480), output=(240, 320))
    assert (empty.header, empty.width) == (HEADER, 0)
