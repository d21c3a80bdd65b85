# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Videos, stamped by their container, and folders of pictures."""

from __future__ import annotations

import os
from pathlib import Path
import struct

import cv2
import numpy as np
import pytest

from hybrid_perception.replay.source import open_source

from .conftest import picture, pixels, read_bag

DATA = Path(os.environ.get(
    'HYBRID_PERCEPTION_DATA', Path(__file__).resolve().parents[4] / 'shared' / 'data')) / 'replay'
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f'no recordings in {DATA}: set HYBRID_PERCEPTION_DATA')


def write_video(path: Path, count: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 10.0, (40, 24))
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no MPEG-4')
    for number in range(count):
        writer.write(picture(number)[..., ::-1])
    writer.release()
    return path


def set_durations(path: Path, durations: list[int]) -> None:
    """Give every frame of an MP4 a duration of its own (the box 'stts', ISO 14496-12)."""
    content = bytearray(path.read_bytes())
    at = content.index(b'stts') - 4
    assert content.index(b'moov') > content.index(b'mdat'), 'offsets of the frames would move'
    old_size, = struct.unpack_from('>I', content, at)
    box = struct.pack('>I4sII', 16 + 8 * len(durations), b'stts', 0, len(durations))
    box += b''.join(struct.pack('>II', 1, duration) for duration in durations)
    content[at:at + old_size] = box
    for name in (b'moov', b'trak', b'mdia', b'minf', b'stbl'):
        start = content.index(name) - 4
        size, = struct.unpack_from('>I', content, start)
        struct.pack_into('>I', content, start, size + len(box) - old_size)
    path.write_bytes(content)


def test_a_video_of_variable_rate_keeps_its_stamps(tmp_path, replay):
    path = write_video(tmp_path / 'v.mp4', 5)
    content = path.read_bytes()
    delta, = struct.unpack_from('>I', content, content.index(b'stts') + 16)
    # The sum stays, because the container's edit list ends there.
    set_durations(path, [delta, 3 * delta // 2, delta // 2, delta, delta])
    stamps = sorted({message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
                     for _, _, message in read_bag(replay(path))})
    np.testing.assert_allclose(stamps, [0, 1e8, 2.5e8, 3e8, 4e8], atol=1e6)


def test_a_rate_of_one_s_own_replaces_the_container_s(tmp_path):
    source = open_source(write_video(tmp_path / 'v.mp4', 3), fps=4.0)
    assert [frame.stamp.nanoseconds for frame in source.frames()] == [
        0, 250_000_000, 500_000_000]
    assert source.total == 3


def test_a_folder_is_read_in_natural_order(tmp_path, replay):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for name, number in (('f_2.png', 2), ('f_10.png', 10), ('f_1.PNG', 1)):
        content = cv2.imencode('.png', picture(number)[..., ::-1])[1]
        (folder / name).write_bytes(content.tobytes())
    (folder / 'notes.txt').write_text('no picture')
    out = read_bag(replay(folder, '--fps', 2, '--with-input', '--outputs', 'anomaly_score'))
    sent = [message for topic, _, message in out if topic == '/image/compressed']
    assert [cv2.imdecode(message.data, cv2.IMREAD_COLOR)[0, 0, ::-1].tolist()
            for message in sent] == [picture(n)[0, 0].tolist() for n in (1, 2, 10)]
    assert [message.header.stamp.nanosec for message in sent] == [0, 500_000_000, 0]
    scores = [pixels(message) for topic, _, message in out if topic != '/image/compressed']
    assert len({score.tobytes() for score in scores}) == 3


def test_topics_of_what_has_none_are_refused(tmp_path, run_tool):
    (tmp_path / 'p').mkdir()
    code, _, err = run_tool('replay', tmp_path / 'p', '--topic', '/a', '--output',
                            tmp_path / 'o.mcap')
    assert (code, 'is not a bag and has no topics' in err) == (1, True)


@needs_data
def test_the_recorded_bag_gives_one_answer_per_image(replay):
    out = read_bag(replay(DATA / 'camvid_0016E5_15hz', '--output-size', 'network'))
    assert len(out) == 404
    stamps = {(message.header.stamp.sec, message.header.stamp.nanosec) for _, _, message in out}
    assert len(stamps) == 101


@needs_data
def test_the_recorded_video_is_stamped_by_its_container():
    source = open_source(DATA / 'udacity_vehicle_test_1280x720_25fps.mp4')
    stamps = [frame.stamp.nanoseconds for frame in source.frames()]
    assert len(stamps) == source.total == 38
    np.testing.assert_allclose(np.diff(stamps), 4e7)
