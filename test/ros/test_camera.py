# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Camera matrices of outputs that show less or are smaller."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.context import Context
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Header

from hybrid_perception.geometry import Roi
from hybrid_perception.ros.camera import FRAMES, Oddities, camera_info_for
from hybrid_perception.ros.segmentation_node import SegmentationNode

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


def test_a_calibration_of_other_pictures_is_passed_on_unchanged():
    given = info(width=1920, height=1080)
    passed = camera_info_for(given, HEADER, image=(480, 640),
                             region=Roi(x_offset=10, y_offset=10, width=400, height=320),
                             output=(160, 200))
    given.header = HEADER
    assert passed == given


class FakeNode:
    """Takes what is logged."""

    def __init__(self):
        self.lines = []

    def get_logger(self):
        return self

    def warning(self, line):
        self.lines.append(line)


@pytest.fixture
def oddities():
    return Oddities(FakeNode(), '/image')


def raw(encoding, height, width, values, step=None, behind=0):
    """Return a raw image of a (H, W) array of uint8 or uint16, with bytes behind it."""
    message = Image(height=height, width=width, encoding=encoding,
                    step=step or values.nbytes // height)
    message.data.frombytes(values.tobytes() + bytes(behind))
    return message


def test_data_that_is_longer_than_its_header_says_is_told_once_with_both_numbers(oddities):
    rows = np.zeros((320, 416 * 3), np.uint8)
    for _ in range(3):
        oddities.look(raw('rgb8', 308, 410, rows, step=1230), 16)
    words, = oddities.words
    assert 'data has 399360 bytes' in words
    assert '378840' in words
    assert oddities._node.lines == [words]
    oddities.look(raw('rgb8', 320, 416, rows), 16)
    assert oddities.words == ()
    oddities.look(raw('rgb8', 308, 410, rows, step=1230), 16)
    assert len(oddities._node.lines) == 1, 'told again, but logged once'
    assert oddities.words == (words,)


@pytest.mark.parametrize(('bits', 'encoding', 'advice'), [
    (10, 'mono16', 'bit_depth: 10'), (12, 'mono16', 'bit_depth: 12'),
    (12, 'bayer_rggb16', 'bit_depth: 12'), (12, 'rgb16', 'bit_depth: 12')])
@pytest.mark.parametrize('bigendian', [False, True])
def test_pictures_that_leave_the_upper_bits_unused_are_told(
        oddities, bits, encoding, advice, bigendian):
    channels = 3 if encoding == 'rgb16' else 1
    values = np.linspace(0, (1 << bits) - 1, 16 * 16 * channels).astype(
        '>u2' if bigendian else '<u2')
    message = raw(encoding, 16, 16, values)
    message.is_bigendian = int(bigendian)
    for _ in range(FRAMES):
        assert oddities.words == ()
        oddities.look(message, 16)
    words, = oddities.words
    assert advice in words
    oddities.look(message, bits)   # the parameter was set: not looked at any more
    assert len(oddities._node.lines) == 1


def test_one_bright_frame_shows_that_all_bits_are_used_and_night_alone_says_nothing(oddities):
    dark, black = np.full((4, 4), 300, np.uint16), np.zeros((4, 4), np.uint16)
    for _ in range(3 * FRAMES):
        oddities.look(raw('mono16', 4, 4, black), 16)
    oddities.look(raw('mono16', 4, 4, np.full((4, 4), 40000, np.uint16)), 16)
    for _ in range(3 * FRAMES):
        oddities.look(raw('mono16', 4, 4, dark), 16)
        oddities.look(raw('mono8', 4, 4, dark.astype(np.uint8)), 16)
    assert oddities.words == ()


@pytest.mark.parametrize(('size', 'odd'), [
    ((1080, 1920), False), ((480, 640), False), ((512, 1024), False), ((400, 1280), False),
    ((1920, 1080), True), ((512, 512), True), ((300, 1280), True)])
def test_an_aspect_far_from_the_models_is_told(oddities, size, odd):
    oddities.look_at_aspect(size, (512, 1024))
    assert bool(oddities.words) == odd
    if odd:
        assert f'{size[1]}x{size[0]} is pressed into the 1024x512' in oddities.words[0]
    oddities.look_at_aspect((512, 1024), (512, 1024))
    assert oddities.words == ()


def test_only_a_calibration_that_does_not_fit_is_told(oddities):
    oddities.look_at_calibration(info(), (480, 640), '/camera_info')
    oddities.look_at_calibration(CameraInfo(), (480, 640), '/camera_info')
    oddities.look_at_calibration(info(binning_x=2, binning_y=2), (240, 320), '/camera_info')
    assert oddities.words == ()
    oddities.look_at_calibration(info(), (240, 320), '/camera_info')
    assert '/camera_info is for 640x480 and the pictures are 320x240' in oddities.words[0]


def test_the_calibration_is_expected_beside_the_images_unless_it_is_remapped(make_robot):
    def topic(*rules):
        context = Context()
        context.init()
        node = SegmentationNode(context=context, cli_args=['--ros-args', *(
            part for rule in rules for part in ('-r', rule))])
        try:
            return node._camera_info_topic
        finally:
            node.close()
            context.try_shutdown()

    assert topic() == '/camera_info'
    assert topic('image:=/camera/image_raw') == '/camera/camera_info'
    assert topic('image:=/a/b/image', 'camera_info:=/c/info') == '/c/info'
    assert topic('__ns:=/front', 'image:=image_raw') == '/front/camera_info'
