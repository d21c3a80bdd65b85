# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from frame_source import SourceError, open_source


def write_pictures(folder, count):
    folder.mkdir(parents=True)
    for index in range(count):
        cv2.imwrite(str(folder / f'{index:06d}.png'), np.full((4, 6, 3), index, np.uint8))


def test_folder_plays_its_pictures_in_order(tmp_path):
    write_pictures(tmp_path / 'pictures', 3)
    (tmp_path / 'pictures' / 'notes.txt').write_text('no picture')
    source = open_source(str(tmp_path / 'pictures'))
    assert [int(frame[0, 0, 0]) for frame in source.frames] == [0, 1, 2]
    assert source.labels is None
    assert not source.live


def test_clip_brings_rate_calibration_and_truth(tmp_path):
    write_pictures(tmp_path / 'images', 2)
    (tmp_path / 'labels').mkdir()
    camera = {'fx': 500.0, 'fy': 501.0, 'cx': 320.0, 'cy': 160.0}
    (tmp_path / 'clip.json').write_text(json.dumps({'fps': 12.5, 'camera': camera}))
    source = open_source(str(tmp_path))
    assert source.fps == 12.5
    assert source.camera_matrix == (500.0, 0.0, 320.0, 0.0, 501.0, 160.0, 0.0, 0.0, 1.0)
    assert source.labels == tmp_path / 'labels'
    assert next(source.frames).shape == (4, 6, 3)


def test_video_plays_at_its_own_rate(tmp_path):
    path = tmp_path / 'drive.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 8.0, (64, 48))
    for _ in range(5):
        writer.write(np.full((48, 64, 3), 100, np.uint8))
    writer.release()
    source = open_source(str(path))
    assert source.fps == pytest.approx(8.0)
    assert [frame.shape for frame in source.frames] == [(48, 64, 3)] * 5


def test_missing_source_says_what_would_be_right(tmp_path):
    with pytest.raises(SourceError, match='does not exist; give a video file'):
        open_source(str(tmp_path / 'nothing.mp4'))


def test_file_that_is_no_video_is_named(tmp_path):
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(SourceError, match=r'text\.mp4 is not a video'):
        open_source(str(tmp_path / 'text.mp4'))


def test_empty_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match='holds no pictures'):
        open_source(str(tmp_path))


def test_broken_picture_is_named(tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'no picture')
    with pytest.raises(SourceError, match=r'broken\.png'):
        next(open_source(str(tmp_path)).frames)


def test_camera_that_is_not_there_is_named():
    with pytest.raises(SourceError, match='camera /dev/no-such-camera cannot be opened'):
        open_source('/dev/no-such-camera')
