# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings that are broken, empty, or not what they seem."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

from .conftest import STORE, camera, compressed, raw, read_bag, write_bag, write_bag1

STRING = 'std_msgs/msg/String'


def test_a_corrupt_jpeg_in_the_middle_is_skipped_counted_and_told_of(tmp_path, run_tool):
    messages = camera(range(5), compressed, ending='.jpg')
    messages[2:3] = camera([2], compressed, ending='.jpg', damaged=True)
    recording = write_bag(tmp_path / 'in', messages)
    code, out, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert code == 0
    assert '4 frames' in out
    assert '1 frame(s) could not be used' in err
    assert 'frame 2 of /cam/image_raw at 1.200000123' in err
    assert 'truncated JPEG' in err
    times = {time for _, time, _ in read_bag(tmp_path / 'o.mcap')}
    assert times == {messages[number][1] for number in (0, 1, 3, 4)}


def test_a_message_that_cannot_be_taken_apart_is_skipped(tmp_path, run_tool):
    recording = write_bag(tmp_path / 'in', camera(range(3)), StoragePlugin.SQLITE3)
    import sqlite3
    with sqlite3.connect(recording / 'in.db3') as database:
        database.execute("UPDATE messages SET data = x'00010000ff' WHERE id = 2")
    database.close()
    code, out, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert (code, '2 frames' in out) == (0, True), err
    assert 'is no sensor_msgs/msg/Image' in err


@pytest.mark.parametrize('as_file', [True, False])
def test_of_a_truncated_mcap_what_is_complete_is_read(tmp_path, run_tool, as_file):
    recording = write_bag(tmp_path / 'in', camera(range(40), height=160, width=200))
    file = recording / 'in.mcap'
    content = file.read_bytes()
    file.write_bytes(content[:len(content) * 6 // 10])
    code, out, err = run_tool(
        'replay', file if as_file else recording, '--output', tmp_path / 'o.mcap')
    assert code == 0, err
    assert 'is truncated: its recorder did not finish' in err
    count = int(out.split(': ')[1].split()[0])
    assert 10 <= count <= 24
    whole = camera(range(40), height=160, width=200)
    times = sorted({time for _, time, _ in read_bag(tmp_path / 'o.mcap')})
    assert times == [time for _, time, _ in whole[:count]]


def test_a_bag_without_metadata_is_read(tmp_path, run_tool):
    recording = write_bag(tmp_path / 'in', camera(range(2)))
    (recording / 'metadata.yaml').unlink()
    code, out, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert code == 0
    assert '2 frames' in out
    assert 'has no metadata.yaml' in err


def test_a_bag_without_images_lists_what_it_has(tmp_path, run_tool):
    text = STORE.types[STRING]('hello')
    recording = write_bag(tmp_path / 'in', [('/chatter', 5, (STRING, text))])
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert code == 1
    assert 'has no image topic; it has /chatter (std_msgs/msg/String)' in err
    code, _, err = run_tool(
        'replay', recording, '--output', tmp_path / 'o.mcap', '--topic', '/chatter')
    assert code == 1
    assert '/chatter of' in err


def test_several_cameras_must_be_chosen_from(tmp_path, run_tool):
    recording = write_bag(
        tmp_path / 'in', camera([0], topic='/left') + camera([0], compressed, '/right'))
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert code == 1
    assert 'has several image topics: /left, /right; choose with --topic' in err


def test_an_encoding_that_nobody_reads_is_an_error_when_it_is_all_there_is(tmp_path, run_tool):
    type_, message = raw(0)
    message.encoding = 'rgb99'
    recording = write_bag(tmp_path / 'in', [('/cam', 1, (type_, message))])
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert code == 1
    assert 'no frame of /cam can be used; the first: frame 0 of /cam' in err
    assert "'rgb99' is not supported" in err


@pytest.mark.parametrize(('name', 'content', 'said'), [
    ('a.mcap', b'', 'it begins with nothing'),
    ('a.mcap', b'no bag at all', 'is no MCAP, SQLite or ROS 1 bag'),
    ('a.db3', b'no bag at all', 'cannot be read as a bag'),
    ('a.bag', b'no bag at all', 'cannot be read as a bag'),
    ('a.mp4', b'no video at all', 'OpenCV finds no video in it'),
    ('a.png', b'', 'is a single picture'),
])
def test_what_is_no_recording_is_named(tmp_path, run_tool, name, content, said):
    (tmp_path / name).write_bytes(content)
    code, _, err = run_tool('replay', tmp_path / name, '--output', tmp_path / 'o.mcap')
    assert code == 1
    assert name in err
    assert said in err


def test_missing_and_empty_recordings_are_named(tmp_path, run_tool):
    code, _, err = run_tool('replay', tmp_path / 'none', '--output', tmp_path / 'o.mcap')
    assert (code, 'does not exist' in err) == (1, True)
    (tmp_path / 'empty').mkdir()
    code, _, err = run_tool('replay', tmp_path / 'empty', '--output', tmp_path / 'o.mcap')
    assert (code, 'holds neither a bag nor pictures' in err) == (1, True)


def test_a_truncated_ros1_bag_says_what_helps(tmp_path, run_tool):
    recording = write_bag1(tmp_path / 'in.bag', camera(range(3)))
    content = recording.read_bytes()
    recording.write_bytes(content[:len(content) // 2])
    code, _, err = run_tool('replay', recording, '--output', tmp_path / 'o.mcap')
    assert code == 1
    assert 'rosbag reindex' in err


def test_a_split_bag_is_read_in_the_order_of_its_numbers(tmp_path, run_tool):
    folder = tmp_path / 'split'
    folder.mkdir()
    for part, numbers in enumerate([range(2), *([n] for n in range(2, 12))]):
        written = write_bag(tmp_path / f'part_{part}', camera(numbers))
        shutil.move(written / f'part_{part}.mcap', folder)
    code, out, err = run_tool('replay', folder, '--output', tmp_path / 'o.mcap')
    assert (code, '12 frames' in out) == (0, True), err
    times = [time for _, time, _ in read_bag(tmp_path / 'o.mcap')]
    assert len(np.unique(times)) == 12
    assert times == sorted(times)
