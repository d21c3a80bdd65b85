# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""~/objects, with stand-ins in the place of vision_msgs where it is not installed."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from std_msgs.msg import Header, String

from hybrid_perception.objects.open_set_object import OpenSetObject
from hybrid_perception.ros.messages import detections_msg

from .conftest import TOPIC_TYPES


def nested(**fields):
    """Make a message type that fills in the fields that it is not given, as rosidl's do."""
    return lambda **given: SimpleNamespace(
        **{name: make() for name, make in fields.items() if name not in given}, **given)


@pytest.fixture
def vision_msgs(monkeypatch):
    """Put stand-ins with the field names of vision_msgs 4 in its place, installed or not."""
    point = nested(x=float, y=float)
    box = nested(center=nested(position=point, theta=float), size_x=float, size_y=float)
    module = ModuleType('vision_msgs.msg')
    module.ObjectHypothesisWithPose = nested(hypothesis=nested(class_id=str, score=float))
    module.Detection2D = nested(header=Header, results=list, bbox=box, id=str)
    module.Detection2DArray = nested(header=Header, detections=list)
    monkeypatch.setitem(sys.modules, 'vision_msgs', ModuleType('vision_msgs'))
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', module)


OBJECT = OpenSetObject(
    x=10, y=4, width=5, height=8, area=30, centroid=(12.0, 8.0), mean_score=3.0, max_score=9.0,
    confidence=0.75, resembles=2, resembles_share=0.9, id=7, frames=3)


def test_the_message_says_box_id_and_classes(vision_msgs):
    header = Header(frame_id='camera')
    message = detections_msg([OBJECT], 19, header)
    detection, = message.detections
    assert message.header is header
    assert detection.header is header
    assert detection.id == '7'
    box = detection.bbox
    assert (box.center.position.x, box.center.position.y) == (12.5, 8.0)
    assert (box.center.theta, box.size_x, box.size_y) == (0.0, 5.0, 8.0)
    assert [(result.hypothesis.class_id, result.hypothesis.score)
            for result in detection.results] == [('19', 0.75), ('2', 0.0)]


@pytest.fixture
def strings(monkeypatch):
    """Let the objects travel as text over real DDS."""
    module = 'hybrid_perception.ros.outputs'
    monkeypatch.setattr(f'{module}.detection_array_type', lambda: String)
    monkeypatch.setattr(f'{module}.detections_msg', lambda objects, unknown_id, header: String(
        data=' '.join(f'{header.frame_id}:{unknown_id}:{item.id}:{item.x}' for item in objects)))
    monkeypatch.setitem(TOPIC_TYPES, 'objects', String)


def street(left):
    rgb = np.full((32, 64, 3), 20, np.uint8)
    rgb[10:20, left:left + 10] = 250
    return rgb


def test_objects_keep_their_ids_until_the_bag_starts_anew(make_robot, strings):
    robot = make_robot().start('objects')
    for second, left in ((100, 20), (101, 22), (50, 22), (51, 24)):
        message = robot.image(street(left))
        message.header.stamp.sec = second
        robot.send(message)
    robot.spin_until(lambda: len(robot.received['objects']) == 4)
    assert [heard.data for heard in robot.received['objects']] == [
        'camera_optical_frame:3:1:20', 'camera_optical_frame:3:1:22',
        'camera_optical_frame:3:2:22', 'camera_optical_frame:3:2:24']


def test_a_new_activation_begins_with_new_ids_and_the_gate_may_change(make_robot, strings):
    robot = make_robot().start('objects')
    robot.send(robot.image(street(5)))
    assert robot.set(**{'objects.min_area': 0.5}).successful
    robot.send(robot.image(street(5)))
    assert robot.set(**{'objects.min_area': 0.01}).successful
    robot.node.trigger_deactivate()
    robot.node.trigger_activate()
    robot.spin_until(lambda: all(heard.get_publisher_count() for heard in robot.node._inputs))
    robot.spin_until(lambda: robot.camera.get_subscription_count() > 0)
    robot.send(robot.image(street(40)))
    robot.spin_until(lambda: len(robot.received['objects']) == 3)
    assert [heard.data for heard in robot.received['objects']] == [
        'camera_optical_frame:3:1:5', '', 'camera_optical_frame:3:1:40']


def test_objects_are_looked_for_only_where_somebody_looks(make_robot, strings, monkeypatch):
    calls = []
    monkeypatch.setattr(
        'hybrid_perception.scene.find_objects', lambda *_, **__: calls.append(1) or ())
    robot = make_robot(overlay_objects=False).start('label', 'overlay')
    robot.send(robot.image(street(5)))
    assert calls == []
    assert robot.set(overlay_objects=True).successful
    robot.send(robot.image(street(5)))
    assert calls == [1]
    robot.read('objects')
    robot.send(robot.image(street(5)))
    assert calls == [1, 1]   # once for both


def test_without_vision_msgs_there_is_no_such_topic(make_robot, monkeypatch):
    monkeypatch.setattr('hybrid_perception.ros.outputs.detection_array_type', lambda: None)
    robot = make_robot().start('label')
    assert 'objects' not in str(robot.node.get_publisher_names_and_types_by_node(
        'perception', '/'))
    robot.send(robot.image(street(5)))
    assert robot.counts.processed == 1
