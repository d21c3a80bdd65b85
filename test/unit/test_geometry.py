# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Region of interest and camera matrices."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hybrid_perception.buffers import BufferPool
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.geometry import Roi, resize_frame, scale_camera_matrix


def test_zero_sizes_reach_to_the_edge():
    assert Roi().fit(480, 640) == Roi(0, 0, 640, 480)
    assert Roi(100, 50).fit(480, 640) == Roi(100, 50, 540, 430)
    assert Roi(100, 50, 10, 20).fit(480, 640) == Roi(100, 50, 10, 20)


def test_slices_cut_rows_then_columns():
    image = np.arange(12).reshape(3, 4)
    assert image[Roi(1, 2, 2, 1).slices].tolist() == [[9, 10]]


@pytest.mark.parametrize('roi', [
    Roi(640, 0), Roi(0, 480), Roi(600, 0, 41, 10), Roi(0, 471, 10, 10), Roi(900, 0, 1, 1)])
def test_a_region_outside_is_named(roi):
    with pytest.raises(ParameterError, match='640x480'):
        roi.fit(480, 640)


def test_negative_values_are_named():
    with pytest.raises(ParameterError, match='negative'):
        Roi(x_offset=-1)


K = np.array([[500.0, 0, 319.5], [0, 500, 239.5], [0, 0, 1]])


def test_the_centre_of_the_image_stays_its_centre():
    scaled = scale_camera_matrix(K, scale_x=0.5, scale_y=0.25)
    np.testing.assert_allclose(scaled, [[250, 0, 159.5], [0, 125, 59.5], [0, 0, 1]])


def test_cropping_moves_the_principal_point():
    cropped = scale_camera_matrix(K, scale_x=1, scale_y=1, x_offset=20, y_offset=40)
    np.testing.assert_allclose(cropped, [[500, 0, 299.5], [0, 500, 199.5], [0, 0, 1]])


def test_the_baseline_of_a_stereo_projection_is_scaled():
    projection = np.hstack([K, [[-60.0], [0], [0]]])
    scaled = scale_camera_matrix(projection, scale_x=2, scale_y=3)
    np.testing.assert_allclose(scaled[:, 3], [-120, 0, 0])
    np.testing.assert_allclose(scaled[:, :3], scale_camera_matrix(K, scale_x=2, scale_y=3))


def test_it_follows_the_pixels_of_cv2_resize():
    # A bright column in the middle of a block of 4 stays in the middle of the block's pixel.
    image = np.zeros((4, 16), np.float32)
    image[:, 8:12] = 1
    column = int(np.argmax(cv2.resize(image, (4, 1), interpolation=cv2.INTER_AREA)[0]))
    camera = np.array([[1.0, 0, 9.5], [0, 1, 1.5], [0, 0, 1]])
    assert scale_camera_matrix(camera, scale_x=0.25, scale_y=0.25)[0, 2] == column


@pytest.mark.parametrize(('matrix', 'scale'), [(np.eye(4), 1), (np.eye(3), 0), (np.eye(3), -1)])
def test_bad_input_is_named(matrix, scale):
    with pytest.raises(ParameterError, match='camera matrix'):
        scale_camera_matrix(matrix, scale_x=scale, scale_y=1)


def test_resized_frames_keep_their_means_and_places():
    frame = np.zeros((8, 16, 3), np.uint8)
    frame[:, 8:] = (200, 100, 50)
    for size in ((4, 8), (16, 32), (4, 32)):
        resized = resize_frame(frame, size)
        assert resized.shape == (*size, 3)
        assert (resized[:, 0] == 0).all()
        assert (resized[:, -1] == (200, 100, 50)).all()


def test_shrinking_averages_rather_than_skips():
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[::4] = 200
    assert (resize_frame(frame, (2, 2)) == 50).all()


def test_resizing_writes_into_the_given_array():
    frame = np.full((8, 8, 3), 7, np.uint8)
    for size in ((8, 8), (4, 6)):
        out = np.zeros((*size, 3), np.uint8)
        assert np.shares_memory(resize_frame(frame, size, out=out), out)
        assert (out == 7).all()
    assert resize_frame(frame, (8, 8)) is frame


@pytest.mark.parametrize(('camera', 'close'), [
    ((720, 1280), 12), ((1080, 1920), 12), ((1200, 1920), 12), ((1440, 2560), 4),
    ((2160, 3840), 4), ((721, 3000), 12), ((1536, 2048), 6)])
def test_every_size_of_camera_keeps_the_mean_of_what_a_pixel_covers(camera, close):
    coarse = np.random.default_rng(1).integers(0, 256, (9, 16, 3), np.uint8)
    frame = cv2.resize(coarse, camera[::-1], interpolation=cv2.INTER_CUBIC)
    resized = resize_frame(frame, (512, 1024))
    average = cv2.resize(frame, (1024, 512), interpolation=cv2.INTER_AREA)
    assert np.abs(resized.astype(int) - average).max() <= close
    np.testing.assert_allclose(resized.mean((0, 1)), frame.mean((0, 1)), atol=0.5)


@pytest.mark.parametrize('ratio', [2, 2.75, 3, 3.5, 5.25])
def test_no_pixel_is_skipped_where_a_frame_shrinks_far(ratio):
    frame = np.zeros((int(64 * ratio), int(64 * ratio), 3), np.uint8)
    frame[::2] = 200   # lines that a bilinear look at two pixels would turn into bands
    resized = resize_frame(frame, (64, 64))
    assert abs(int(resized.min()) - 100) <= 70
    assert abs(resized.mean() - frame.mean()) < 2


def test_the_step_between_takes_its_memory_from_the_pool():
    taken = []

    class Pool(BufferPool):
        def take(self, shape, dtype):
            taken.append(shape)
            return super().take(shape, dtype)

    frame = np.random.default_rng(0).integers(0, 256, (24, 42, 3), np.uint8)
    out = np.empty((7, 13, 3), np.uint8)
    resize_frame(frame, (7, 13), out=out, buffers=Pool())
    np.testing.assert_array_equal(out, resize_frame(frame, (7, 13)))
    assert taken == [(8, 14, 3)]
    resize_frame(frame, (8, 14), out=np.empty((8, 14, 3), np.uint8), buffers=Pool())
    assert taken == [(8, 14, 3)]   # reached in one step
