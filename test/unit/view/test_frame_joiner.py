# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of one stamp come together, whatever is missing or comes again."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.replay.frame import Stamp
from hybrid_perception.view.frame_joiner import FrameJoiner

ALL = {'camera', 'label', 'anomaly_score'}


def feed(joiner, *messages):
    """Give (kind, second) or (name, milliseconds) messages; collect stamps, kinds and times."""
    given = []
    for kind, value in messages:
        given += (joiner.add_image(kind, Stamp(value, 0), lambda: None) if kind in ALL
                  else joiner.add_time(kind, value))
    return [(frame.stamp.sec, set(frame.images), frame.times) for frame in given]


def test_a_frame_comes_when_it_is_complete():
    joiner = FrameJoiner(ALL, set())
    assert feed(joiner, ('camera', 1), ('camera', 2), ('label', 1)) == []
    assert feed(joiner, ('anomaly_score', 1)) == [(1, ALL, {})]
    assert feed(joiner, ('label', 2), ('anomaly_score', 2)) == [(2, ALL, {})]


def test_times_belong_to_the_frame_before_them():
    joiner = FrameJoiner({'anomaly_score'}, {'a_ms', 'b_ms'})
    given = feed(joiner, ('a_ms', 99.0), ('anomaly_score', 1), ('a_ms', 7.0), ('b_ms', 8.0),
                 ('anomaly_score', 2), ('a_ms', 9.0), ('anomaly_score', 3))
    assert given == [(1, {'anomaly_score'}, {'a_ms': 7.0, 'b_ms': 8.0}),
                     (2, {'anomaly_score'}, {'a_ms': 9.0})]
    assert [frame.stamp.sec for frame in joiner.finish()] == [3]


def test_camera_images_that_the_node_dropped_are_forgotten():
    joiner = FrameJoiner({'camera', 'anomaly_score'}, set())
    assert feed(joiner, *(('camera', second) for second in range(500))) == []
    assert feed(joiner, ('anomaly_score', 499)) == [(499, {'camera', 'anomaly_score'}, {})]
    assert list(joiner.finish()) == []


def test_a_score_without_a_camera_image_is_shown_all_the_same():
    joiner = FrameJoiner({'camera', 'anomaly_score'}, set())
    assert feed(joiner, ('anomaly_score', 1)) == []
    assert [frame.stamp.sec for frame in joiner.finish()] == [1]


def test_a_stamp_that_comes_again_is_a_frame_of_its_own():
    joiner = FrameJoiner({'label', 'anomaly_score'}, set())
    given = feed(joiner, ('anomaly_score', 1), ('anomaly_score', 1), ('label', 1))
    assert given == [(1, {'anomaly_score'}, {}), (1, {'anomaly_score', 'label'}, {})]


def test_decoding(legend):
    def damaged():
        raise EncodingError('half a JPEG')

    score = np.zeros((4, 6), np.float32)
    joiner = FrameJoiner(ALL, set())
    list(joiner.add_image('camera', Stamp(1, 0), damaged))
    list(joiner.add_image('label', Stamp(1, 0), lambda: np.full((4, 6), 2, np.uint8)))
    joined, = joiner.add_image('anomaly_score', Stamp(1, 0), lambda: score)
    notes = []
    frame = joined.decode(legend.class_map, notes)
    assert frame.camera is None
    assert frame.score is score
    assert notes == ['camera image at 1.000000000: half a JPEG']
    joined.times.update(processing_time_ms=5.0, pipeline_latency_ms=1.7e12)
    assert joined.decode(legend.class_map, []).times == {'processing_time_ms': 5.0}
    joined.images['label'] = lambda: np.full((4, 6), 3, np.uint8)
    with pytest.raises(ParameterError, match='class id 3, the model has 0'):
        joined.decode(legend.class_map, notes)
