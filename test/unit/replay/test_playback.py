# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is played and when it is due, without ROS."""

from __future__ import annotations

from itertools import islice
import sqlite3

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.playback import Unplayable, calibration_topic, open_playback
from hybrid_perception.replay.timeline import cues

from .conftest import (
    COMPRESSED,
    IMAGE,
    STORE,
    camera,
    compressed,
    header,
    picture,
    raw,
    write_bag,
    write_bag1,
)

INFO = 'sensor_msgs/msg/CameraInfo'


def calibration(number: int, focal: float = 30.0):
    region = STORE.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    matrix = np.array([focal, 0, 20, 0, focal, 12, 0, 0, 1], float)
    return INFO, STORE.types[INFO](
        header(number), 24, 40, 'plumb_bob', np.arange(5.0), matrix, np.eye(3).reshape(-1),
        np.hstack([matrix.reshape(3, 3), np.zeros((3, 1))]).reshape(-1), 0, 0, region)


def played(path, **arguments):
    playback = open_playback(path, **arguments)
    return playback, list(playback.messages())


def test_a_bag_s_images_and_calibrations_are_played_byte_by_byte(tmp_path):
    messages = sorted(
        camera(range(3), topic='/front/image_raw')
        + camera(range(3), calibration, '/front/camera_info')
        + camera(range(3), compressed, '/rear/image/compressed')
        + [('/chatter', 5, ('std_msgs/msg/String', STORE.types['std_msgs/msg/String']('hi')))],
        key=lambda entry: (entry[1], entry[0]))
    expected = [(topic, time, bytes(STORE.serialize_cdr(message, type_)))
                for topic, time, (type_, message) in messages if topic != '/chatter']
    for plugin in StoragePlugin.MCAP, StoragePlugin.SQLITE3:
        playback, found = played(write_bag(tmp_path / plugin.name, messages, plugin))
        assert playback.topics == {'/front/image_raw': IMAGE, '/front/camera_info': INFO,
                                   '/rear/image/compressed': COMPRESSED}
        assert found == expected
        assert list(playback.messages()) == expected   # and again


def test_a_chosen_camera_brings_its_own_calibration_only(tmp_path):
    messages = (camera(range(2), topic='/front/image_raw')
                + camera(range(2), calibration, '/front/camera_info')
                + camera(range(2), topic='/rear/image_raw')
                + camera(range(2), calibration, '/rear/camera_info'))
    playback, _ = played(write_bag(tmp_path / 'in', messages), topics=['/rear/image_raw'])
    assert set(playback.topics) == {'/rear/image_raw', '/rear/camera_info'}
    assert calibration_topic('/a/b/image/compressed') == '/a/b/camera_info'


def test_a_ros1_bag_is_played_as_ros2_messages(tmp_path):
    _, found = played(write_bag1(tmp_path / 'in.bag', camera(range(2), padding=3)))
    for number, (_, _, content) in enumerate(found):
        _, sent = raw(number, padding=3)
        assert content == bytes(STORE.serialize_cdr(sent, IMAGE))


def test_a_calibration_of_ros1_keeps_its_numbers(tmp_path):
    store = get_typestore(Stores.ROS1_NOETIC)
    _, info = calibration(1, focal=77.0)
    fields = {name.upper() if name in 'dkrp' else name: value
              for name, value in vars(info).items() if name != '__msgtype__'}
    fields['header'] = store.types['std_msgs/msg/Header'](3, info.header.stamp, 'cam')
    with Writer1(tmp_path / 'in.bag') as writer:
        for topic, type_, message in (
                ('/cam/camera_info', INFO, store.types[INFO](**fields)),):
            connection = writer.add_connection(topic, type_, typestore=store)
            writer.write(connection, 5, store.serialize_ros1(message, type_))
        sent = camera([1])[0][2][1]
        image = store.types[IMAGE](**{
            **{name: value for name, value in vars(sent).items() if name != '__msgtype__'},
            'header': fields['header']})
        connection = writer.add_connection('/cam/image_raw', IMAGE, typestore=store)
        writer.write(connection, 6, store.serialize_ros1(image, IMAGE))
    _, found = played(tmp_path / 'in.bag')
    again = STORE.deserialize_cdr(found[0][2], INFO)
    assert (again.k[0], again.header.frame_id) == (77.0, 'cam')
    assert again.distortion_model == 'plumb_bob'
    np.testing.assert_array_equal(again.d, np.arange(5.0))


def test_a_folder_is_played_as_compressed_images_and_a_clip_at_its_own_rate(tmp_path):
    images = tmp_path / 'clip' / 'images'
    images.mkdir(parents=True)
    for number in range(3):
        content = cv2.imencode('.png', picture(number)[..., ::-1])[1].tobytes()
        (images / f'{number}.png').write_bytes(content)
    (tmp_path / 'clip' / 'clip.json').write_text('{"fps": 4}')
    playback, found = played(tmp_path / 'clip')
    assert playback.topics == {'/image/compressed': COMPRESSED}
    assert [time for _, time, _ in found] == [0, 250_000_000, 500_000_000]
    message = STORE.deserialize_cdr(found[2][2], COMPRESSED)
    assert (message.format, message.header.stamp.nanosec) == ('png', 500_000_000)
    np.testing.assert_array_equal(
        cv2.imdecode(message.data, cv2.IMREAD_COLOR)[..., ::-1], picture(2))


def test_a_clip_without_a_rate_is_named(tmp_path):
    (tmp_path / 'clip.json').write_text('{}')
    with pytest.raises(ParameterError, match=r'clip\.json names no rate'):
        open_playback(tmp_path)


def test_a_message_that_no_reader_could_take_apart_is_not_sent(tmp_path):
    path = write_bag(tmp_path / 'in', camera(range(3)), StoragePlugin.SQLITE3)
    with sqlite3.connect(path / 'in.db3') as database:
        database.execute("UPDATE messages SET data = x'00010000ff' WHERE id = 2")
    database.close()
    _, found = played(path)
    assert [isinstance(entry, Unplayable) for entry in found] == [False, True, False]
    assert 'is no sensor_msgs/msg/Image' in found[1].reason


def test_a_bag_without_cameras_lists_what_it_has(tmp_path):
    text = STORE.types['std_msgs/msg/String']('hi')
    path = write_bag(tmp_path / 'in', [('/chatter', 5, ('std_msgs/msg/String', text))])
    with pytest.raises(ParameterError, match=r'has no image topic; it has /chatter'):
        open_playback(path)


def at(*milliseconds, topic='/c'):
    return lambda: iter([(topic, 7_000_000_000 + time * 1_000_000, b'') for time in milliseconds])


def due(timeline):
    return [round(cue.due, 6) for cue in timeline]


def test_messages_are_due_as_recorded_and_faster_when_asked():
    assert due(cues(at(0, 100, 350))) == [0, 0.1, 0.35]
    assert due(cues(at(0, 100, 350), rate=2.0)) == [0, 0.05, 0.175]
    assert due(cues(at(0, 100, 350), rate=0.5)) == [0, 0.2, 0.7]


def test_a_lap_ends_a_period_after_its_last_frame():
    timeline = list(cues(at(0, 100, 200), laps=2))
    assert due(timeline) == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert [cue.lap for cue in timeline] == [0, 0, 0, 1, 1, 1]
    assert due(islice(cues(at(0, 100), laps=0, rate=2.0), 6)) == [
        0, 0.05, 0.1, 0.15, 0.2, 0.25]
    assert due(cues(at(5), laps=2)) == [0, 0.1]   # one frame has no period of its own


def test_the_beginning_is_left_out_in_every_lap():
    assert due(cues(at(0, 100, 200, 300), start=0.15, laps=2)) == [0.05, 0.15, 0.3, 0.4]
    with pytest.raises(ParameterError, match=r'nothing is left .* after the first 9 s'):
        list(cues(at(0, 100), start=9.0))


def test_what_cannot_be_sent_is_told_of_once():
    def read():
        yield ('/c', 0, b'')
        yield Unplayable('damaged')

    found = list(cues(read, laps=3))
    assert len(found) == 4
    assert found[1] == Unplayable('damaged')
