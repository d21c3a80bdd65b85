# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""When ~/label_info is sent, with a String in the place of the message of vision_msgs."""

from __future__ import annotations

import time

import pytest
from std_msgs.msg import String

from hybrid_perception.ros.transport import latched_qos


@pytest.fixture
def strings(monkeypatch):
    module = 'hybrid_perception.ros.outputs'
    monkeypatch.setattr(f'{module}.label_info_type', lambda: String)
    monkeypatch.setattr(
        f'{module}.label_info_msg',
        lambda class_map, threshold, header: String(data=f'{class_map.names[0]} {threshold}'))


def listen(robot) -> list[str]:
    heard: list[str] = []
    robot.probe.create_subscription(
        String, '/perception/label_info', lambda message: heard.append(message.data),
        latched_qos())
    return heard


def test_a_late_joiner_gets_it_and_a_new_threshold_is_told_at_once(make_robot, strings):
    robot = make_robot(label_info_period=0.0).start()
    robot.spin(0.5)
    heard = listen(robot)
    robot.spin_until(lambda: heard == ['red 50.0'])
    assert robot.set(anomaly_threshold=12.5).successful
    robot.spin_until(lambda: heard == ['red 50.0', 'red 12.5'])


def test_it_is_repeated_while_active_only(make_robot, strings):
    robot = make_robot(label_info_period=0.1).start()
    heard = listen(robot)
    start = time.monotonic()
    robot.spin_until(lambda: len(heard) >= 5)
    assert time.monotonic() - start > 0.2
    robot.node.trigger_deactivate()
    robot.spin(0.3)
    count = len(heard)
    robot.spin(0.4)
    assert len(heard) == count


def test_without_vision_msgs_one_line_says_so(make_robot, monkeypatch):
    monkeypatch.setattr('hybrid_perception.ros.outputs.label_info_type', lambda: None)
    robot = make_robot().start()
    robot.spin(0.3)
    assert len([line for line in robot.log if 'vision_msgs is not installed' in line]) == 1
    assert 'label_info' not in str(robot.node.get_publisher_names_and_types_by_node(
        'perception', '/'))
