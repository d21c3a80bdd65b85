# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a bag of outputs: all that the bag has, and clear words about what it has not."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.view.bag_view import BagView

from ..replay.conftest import (
    HEIGHT,
    STORE,
    WIDTH,
    camera,
    compressed,
    picture,
    pixels,
    read_bag,
    write_bag,
)


def messages(path, change=lambda topic: topic):
    """Read a bag back as `write_bag` takes it, topics renamed or, as None, left out."""
    return [(change(topic), time, (message.__msgtype__, message))
            for topic, time, message in read_bag(path) if change(topic)]


def test_everything_of_a_replay_is_there(seen, manifest):
    view = BagView(seen, manifest.class_map)
    assert (view.node, view.camera, view.total, view.notes) == (
        '/perception', '/cam/image_raw', 10, [])
    written = {(topic, message.header.stamp.nanosec): pixels(message)
               for topic, _, message in read_bag(seen) if topic.startswith('/perception')}
    frames = list(view.frames())
    assert len(frames) == 10
    for number, frame in enumerate(frames):
        nanosec = frame.stamp.nanosec
        assert np.array_equal(frame.camera, picture(number))
        assert np.array_equal(frame.label, written['/perception/label', nanosec])
        assert np.array_equal(frame.score, written['/perception/anomaly_score', nanosec])


def test_every_third_frame(seen, manifest):
    view = BagView(seen, manifest.class_map)
    all_, third = list(view.frames()), list(view.frames(3))
    assert [frame.stamp for frame in third] == [frame.stamp for frame in all_][::3]


def test_without_the_inputs_there_is_a_note(tmp_path, replay, manifest):
    bag = replay(write_bag(tmp_path / 'in', camera(range(2))))
    view = BagView(bag, manifest.class_map)
    assert [frame.camera for frame in view.frames()] == [None, None]
    assert '--with-input writes it' in view.notes[0]


def test_a_recording_of_the_node_has_times(tmp_path, seen, manifest):
    recorded = messages(seen)
    Float64 = STORE.types['std_msgs/msg/Float64']
    times = [(f'/perception/debug/{name}', time + 1, ('std_msgs/msg/Float64', Float64(value)))
             for number, time in enumerate(sorted({time for _, time, _ in recorded}))
             for name, value in (('processing_time_ms', 10.0 + number), ('cyclic_time_ms', 5.0))]
    bag = write_bag(tmp_path / 'times', sorted(recorded + times, key=lambda entry: entry[1]))
    frames = list(BagView(bag, manifest.class_map).frames())
    assert [frame.times for frame in frames] == [
        {'processing_time_ms': 10.0 + number, 'cyclic_time_ms': 5.0} for number in range(10)]


def test_compressed_camera_and_smaller_outputs(tmp_path, replay, manifest):
    recording = write_bag(tmp_path / 'in', camera(
        range(2), compressed, topic='/cam/image_raw/compressed'))
    bag = replay(recording, '--with-input', '--output-size', 'network')
    frame = next(BagView(bag, manifest.class_map).frames())
    assert frame.score.shape == (32, 64)
    assert frame.camera.shape == (32, 64, 3)


def test_two_cameras_need_a_choice(tmp_path, replay, manifest):
    both = sorted(camera(range(3), topic='/front/image_raw')
                  + camera(range(3), topic='/rear/image_raw'), key=lambda entry: entry[1])
    bag = replay(write_bag(tmp_path / 'in', both), '--with-input', '--topic', '/front/image_raw',
                 '--topic', '/rear/image_raw')
    with pytest.raises(ParameterError, match='/front/perception, /rear/perception; choose with'):
        BagView(bag, manifest.class_map)
    for node in ('/rear/perception', 'rear/perception'):
        assert BagView(bag, manifest.class_map, node=node).camera == '/rear/image_raw'
    with pytest.raises(ParameterError, match='no camera topic /side; it has /front/image_raw'):
        BagView(bag, manifest.class_map, node='/rear/perception', camera='/side')


def test_a_bag_without_scores_lists_its_topics(tmp_path, seen, manifest):
    with pytest.raises(ParameterError) as caught:
        BagView(tmp_path / 'in', manifest.class_map)
    assert 'it has /cam/image_raw (sensor_msgs/msg/Image)' in str(caught.value)
    assert '--model' in str(caught.value)
    with pytest.raises(ParameterError, match='no topic /other/anomaly_score'):
        BagView(seen, manifest.class_map, node='/other')


def test_without_labels_the_frame_has_none(tmp_path, seen, manifest):
    bag = write_bag(tmp_path / 'scores', messages(
        seen, lambda topic: None if topic == '/perception/label' else topic))
    frame = next(BagView(bag, manifest.class_map).frames())
    assert frame.label is None
    assert frame.camera.shape == (HEIGHT, WIDTH, 3)
