# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the node publishes: content, headers, and only what is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.manifest import load_manifest
from hybrid_perception.open_set import confidence
from hybrid_perception.rendering import anomaly_color, color_label, draw_objects, overlay
from hybrid_perception.ros.outputs import DEBUG, STAGES
from hybrid_perception.scene import Scene, Style
from hybrid_perception.segmentation import Segmenter

IMAGES = ('label', 'open_set_label', 'open_set_mask', 'anomaly_score', 'confidence',
          'color_label', 'overlay', 'anomaly_color')


def number(objects):
    return tuple(replace(item, id=place + 1) for place, item in enumerate(objects))


@pytest.fixture(params=['source', 'network'])
def expected(request, tiny_model, picture):
    """Return output_size and what the core makes of the picture, by topic."""
    manifest = load_manifest(tiny_model)
    segmenter = Segmenter(
        manifest, create_backend('auto', manifest), output_size=request.param)
    answer, classes = segmenter.segment(picture), manifest.class_map
    mask = answer.open_set_mask(50.0)
    assert 0 < np.count_nonzero(mask) < mask.size
    view = segmenter.output_view(picture)
    scene = Scene(answer, view, classes, Style(50.0, 0.5, -45.0, -5.0), track=number)
    drawn = overlay(view, answer.label, mask, classes, 0.5)
    draw_objects(drawn, scene.objects)
    assert len(scene.objects) > 1
    return request.param, {
        'label': answer.label,
        'open_set_label': answer.open_set_label(50.0, 3),
        'open_set_mask': mask,
        'anomaly_score': answer.anomaly_score,
        'color_label': color_label(answer.label, classes),
        'confidence': np.rint(255 * confidence(answer.anomaly_score, 50.0, 5.0)).astype(np.uint8),
        'overlay': drawn,
        'anomaly_color': anomaly_color(answer.anomaly_score, vmin=-45.0, vmax=-5.0),
    }


def test_every_image_is_what_the_core_makes_of_the_frame(make_robot, picture, expected):
    output_size, answers = expected
    robot = make_robot(output_size=output_size).start(*IMAGES)
    sent = robot.send(robot.image(picture))
    for topic in IMAGES:
        robot.spin_until(lambda topic=topic: bool(robot.received[topic]))
        message, = robot.received[topic]
        assert message.header == sent.header, topic
        assert message.step * message.height == len(message.data), topic
        assert message.is_bigendian == 0
        np.testing.assert_array_equal(robot.pixels(message), answers[topic], err_msg=topic)


def test_the_encodings_are_those_that_viewers_and_costmaps_read(make_robot, picture):
    robot = make_robot().start(*IMAGES)
    robot.send(robot.image(picture))
    encodings = {topic: robot.received[topic][0].encoding for topic in IMAGES}
    assert encodings == {
        'label': 'mono8', 'open_set_label': 'mono8', 'open_set_mask': 'mono8',
        'anomaly_score': '32FC1', 'confidence': 'mono8', 'color_label': 'rgb8',
        'overlay': 'rgb8', 'anomaly_color': 'rgb8'}


def test_the_data_come_before_the_pictures(make_robot, picture, monkeypatch):
    robot = make_robot().start(*IMAGES)
    order = []
    for topic, publisher in robot.node._outputs._publishers.items():
        publish = publisher.publish
        monkeypatch.setattr(publisher, 'publish', lambda message, topic=topic, publish=publish: (
            order.append(topic), publish(message)))
    robot.send(robot.image(picture))
    assert order == list(IMAGES)


def test_an_error_in_the_last_picture_leaves_no_half_frame(make_robot, picture, monkeypatch):
    robot = make_robot().start(*IMAGES)
    robot.send(robot.image(picture))
    before = {topic: len(robot.received[topic]) for topic in IMAGES}

    def fail(*_, **__):
        raise ParameterError('cannot be drawn')

    monkeypatch.setattr('hybrid_perception.scene.anomaly_color', fail)
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: robot.counts.bad == 1)
    robot.spin(0.2)
    assert {topic: len(robot.received[topic]) for topic in IMAGES} == before


def test_nothing_is_computed_for_nobody(make_robot, picture, monkeypatch):
    robot = make_robot().start()
    calls = []
    monkeypatch.setattr(robot.node._model.segmenter, 'segment', calls.append)
    robot.send(robot.image(picture))
    assert (robot.counts.unread, robot.counts.processed, calls) == (1, 0, [])
    assert 'nobody reads' in robot.status('inference').message


def test_only_what_is_read_is_rendered_and_published(make_robot, picture, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError('rendered for nobody')
    for name in ('color_label', 'overlay', 'anomaly_color', 'confidence', 'find_objects'):
        monkeypatch.setattr(f'hybrid_perception.scene.{name}', fail)
    robot = make_robot().start('label')
    robot.send(robot.image(picture))
    assert (robot.counts.processed, len(robot.received['label'])) == (1, 1)
    assert robot.status('inference').message == 'segmenting'


def test_a_reader_that_comes_late_gets_the_next_frame_and_one_that_goes_costs_nothing(
        make_robot, picture):
    robot = make_robot().start()
    robot.send(robot.image(picture))
    reader = robot.read('overlay')
    robot.send(robot.image(picture))
    assert len(robot.received['overlay']) == 1
    robot.probe.destroy_subscription(reader)
    robot.spin_until(lambda: not robot.node._outputs.watched())
    robot.send(robot.image(picture))
    assert (robot.counts.unread, robot.counts.processed) == (2, 1)


def test_the_times_are_published_in_milliseconds(make_robot, picture):
    robot = make_robot().start(*DEBUG)
    robot.send(robot.image(picture))
    robot.spin(0.2)
    robot.send(robot.image(picture))
    processing, latency, cycle = ([m.data for m in robot.received[topic]] for topic in DEBUG)
    assert len(processing) == len(latency) == 2
    assert 0.0 < processing[0] < 5000.0
    assert latency[0] >= 0.9 * processing[0]
    assert len(cycle) == 1
    assert 200.0 < cycle[0] < 5000.0


def test_the_stages_of_a_frame_add_up_to_its_latency(make_robot, picture):
    robot = make_robot().start('label', *DEBUG[:2], *STAGES)
    robot.send(robot.image(picture))
    processing, latency, waiting, *after = (
        robot.received[topic][0].data for topic in (*DEBUG[:2], *STAGES))
    assert all(part >= 0.0 for part in (waiting, *after))
    assert sum(after) == pytest.approx(processing, rel=1e-6)
    assert waiting + processing == pytest.approx(latency, abs=100.0)
    assert latency >= waiting


def test_a_pause_in_which_nobody_read_is_no_slow_cycle(make_robot, picture):
    robot = make_robot().start()
    reader = robot.read(DEBUG[2])
    robot.send(robot.image(picture))
    robot.probe.destroy_subscription(reader)
    robot.spin_until(lambda: not robot.node._outputs.watched())
    robot.send(robot.image(picture))
    robot.read(DEBUG[2])
    robot.send(robot.image(picture))
    assert robot.received[DEBUG[2]] == []
    robot.send(robot.image(picture))
    assert len(robot.received[DEBUG[2]]) == 1


def calibration(width: int = 96, height: int = 48) -> CameraInfo:
    return CameraInfo(
        width=width, height=height, distortion_model='plumb_bob', d=[0.1, 0.0, 0.0, 0.0, 0.0],
        k=[80.0, 0.0, 47.5, 0.0, 82.0, 23.5, 0.0, 0.0, 1.0],
        p=[80.0, 0.0, 47.5, -8.0, 0.0, 82.0, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0])


def test_camera_info_goes_with_the_outputs_unchanged_but_for_the_header(make_robot, picture):
    robot = make_robot().start('camera_info')
    robot.calibration.publish(calibration())
    robot.spin(0.2)
    sent = robot.send(robot.image(picture))
    info, = robot.received['camera_info']
    reference = calibration()
    reference.header = sent.header
    assert info == reference


def test_camera_info_is_scaled_where_the_outputs_are_smaller(make_robot, picture):
    robot = make_robot(output_size='network').start('camera_info', 'label')
    robot.calibration.publish(calibration())
    robot.spin(0.2)
    robot.send(robot.image(picture))
    info, = robot.received['camera_info']
    label, = robot.received['label']
    assert (info.width, info.height) == (label.width, label.height) == (64, 32)
    assert info.header == label.header
    # 2/3 of the size; the centre of the picture stays its centre.
    np.testing.assert_allclose(
        info.k, [160 / 3, 0, 31.5, 0, 164 / 3, 15.5, 0, 0, 1], rtol=1e-12)
    np.testing.assert_allclose(info.p[3], -16 / 3)
