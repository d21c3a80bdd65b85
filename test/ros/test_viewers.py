# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The configurations of RViz and Foxglove against the running node."""

from __future__ import annotations

import ast
from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import String
import yaml

from hybrid_perception.legend import render_legend
from hybrid_perception.manifest import load_manifest
from hybrid_perception.ros.diagnostics import WORDS
from hybrid_perception.ros.parameters import ENTRIES
from hybrid_perception.scene import IMAGES, Style

ROOT = Path(__file__).resolve().parents[2]
IMAGE, FLOAT, DIAGNOSTICS = (
    'sensor_msgs/msg/Image', 'std_msgs/msg/Float64', 'diagnostic_msgs/msg/DiagnosticArray')
# What rcl_interfaces/ParameterType calls the types of the table, and the field of the value.
VALUES = {float: (3, 'double_value'), str: (4, 'string_value'), bool: (1, 'bool_value'),
          int: (2, 'integer_value')}
DRAWN = {'mono8', 'rgb8'}   # encodings that both show as they are


@pytest.fixture
def topics(make_robot, monkeypatch) -> dict[str, str]:
    """List the topics of an active node, as with vision_msgs, by name with their types."""
    monkeypatch.setattr('hybrid_perception.ros.outputs.detection_array_type', lambda: String)
    robot = make_robot().start()

    def listed() -> dict[str, str]:
        return {name: types[0] for name, types in
                robot.node.get_publisher_names_and_types_by_node('perception', '/')}

    # The graph learns of a topic a little after it is there; one that is not, a test names.
    robot.spin_until(lambda: len(listed()) > len(IMAGES))
    robot.spin(0.5)
    found = listed()
    found['/perception/objects'] = 'vision_msgs/msg/Detection2DArray'
    return found


@pytest.fixture(scope='module')
def rviz() -> Any:
    return yaml.safe_load((ROOT / 'config' / 'camera.rviz').read_text('utf-8'))


@pytest.fixture(scope='module')
def foxglove() -> Any:
    return json.loads((ROOT / 'config' / 'foxglove_layout.json').read_text('utf-8'))


def displays(rviz) -> list[dict[str, Any]]:
    return rviz['Visualization Manager']['Displays']


def encoding(topic: str) -> str:
    found = {f'/perception/{output.topic}': output.encoding for output in IMAGES}
    return {**found, '/perception/legend': 'rgb8'}[topic]


def test_rviz_shows_topics_of_the_node_that_an_image_display_can_draw(rviz, topics):
    shown = [display['Topic']['Value'] for display in displays(rviz)]
    assert {'/perception/overlay', '/perception/anomaly_color', '/perception/open_set_mask',
            '/perception/legend'} <= set(shown)
    for display in displays(rviz):
        assert display['Class'] == 'rviz_default_plugins/Image'
        topic = display['Topic']['Value']
        assert topics.get(topic) == IMAGE, f'{topic} is no image of the node any more'
        assert encoding(topic) in DRAWN
        # Per-frame normalisation would make colours of two frames mean two things.
        assert display['Normalize Range'] is False


def test_rviz_asks_for_no_better_service_than_the_node_offers(rviz, make_robot):
    robot = make_robot().start()
    for display in displays(rviz):
        topic = display['Topic']['Value']
        robot.spin_until(lambda topic=topic: robot.node.get_publishers_info_by_topic(topic))
        offered, = robot.node.get_publishers_info_by_topic(topic)
        assert display['Topic']['Durability Policy'] == 'Volatile'
        assert (display['Topic']['Reliability Policy'] == 'Best Effort'
                or offered.qos_profile.reliability == ReliabilityPolicy.RELIABLE)


def test_rviz_has_a_window_for_every_display_and_launch_renames_every_topic(rviz):
    names = {display['Name'] for display in displays(rviz)}
    assert names <= set(rviz['Window Geometry'])
    # Read and not run: launch comes with a ROS 2 installation only.
    source = ast.parse((ROOT / 'launch' / 'camera.launch.py').read_text('utf-8'))
    renamed, = (ast.literal_eval(node.value) for node in source.body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'PICTURES')
    assert {display['Topic']['Value'].rpartition('/')[2]
            for display in displays(rviz)} <= set(renamed)


def leaves(layout: Any) -> Iterator[str]:
    """List the panels of a split."""
    if isinstance(layout, str):
        yield layout
    else:
        assert layout['direction'] in ('row', 'column')
        assert 0 < layout['splitPercentage'] < 100
        yield from leaves(layout['first'])
        yield from leaves(layout['second'])


def test_every_panel_of_foxglove_is_placed_once(foxglove):
    placed = list(leaves(foxglove['layout']))
    for panel, config in foxglove['configById'].items():
        if panel.startswith('Tab!'):
            placed += [leaf for tab in config['tabs'] for leaf in leaves(tab['layout'])]
    assert sorted(placed) == sorted(foxglove['configById'])


def test_foxglove_reads_topics_of_the_node_with_their_types(foxglove, topics):
    shown = set()
    for panel, config in foxglove['configById'].items():
        kind = panel.partition('!')[0]
        if kind == 'Image':
            topic = config['imageMode']['imageTopic']
            assert topics.get(topic) == IMAGE, f'{panel}: {topic}'
            assert encoding(topic) in DRAWN
            shown.add(topic.rpartition('/')[2])
        elif kind in ('DiagnosticSummary', 'DiagnosticStatusPanel'):
            assert topics.get(config['topicToRender']) == DIAGNOSTICS
            shown.add('diagnostics')
        elif kind == 'Plot':
            for path in config['paths']:
                topic, _, field = path['value'].rpartition('.')
                assert (topics.get(topic), field) == (FLOAT, 'data'), path
                assert path['enabled'] is True
        elif kind == 'RawMessages':
            assert config['topicPath'] in topics
        else:
            assert kind in ('Tab', 'Parameters', 'CallService'), panel
    assert {'overlay', 'anomaly_color', 'open_set_mask', 'legend', 'diagnostics'} <= shown


def test_the_diagnostics_that_foxglove_picks_are_the_node_s(foxglove, make_robot):
    robot = make_robot().start()
    config = foxglove['configById']['DiagnosticStatusPanel!perception']
    status = robot.status('inference')
    assert (config['selectedHardwareId'], config['selectedName']) == (
        status.hardware_id, status.name)
    summary = foxglove['configById']['DiagnosticSummary!perception']
    assert summary['hardwareIdFilter'] in status.hardware_id


def test_foxglove_sets_parameters_that_may_change_while_driving(foxglove, make_robot):
    robot = make_robot().start()
    services = dict(robot.node.get_service_names_and_types_by_node('perception', '/'))
    shipped = load_manifest(ROOT / 'models', verify_hash=False)
    calls = [config for panel, config in foxglove['configById'].items()
             if panel.startswith('CallService!')]
    assert calls
    for config in calls:
        assert services[config['serviceName']] == ['rcl_interfaces/srv/SetParameters']
        parameter, = json.loads(config['requestPayload'])['parameters']
        entry = ENTRIES[parameter['name']]
        assert not entry.read_only
        number, field = VALUES[type(entry.default)]
        assert parameter['value']['type'] == number
        entry.check(parameter['value'][field])
        if entry.name == 'operating_point':
            assert parameter['value'][field] in shipped.operating_points


def test_the_legend_is_what_the_diagnostics_say_and_costs_no_inference(make_robot, picture):
    robot = make_robot(overlay_alpha=0.3)
    heard = robot.received['legend']
    robot.probe.create_subscription(
        Image, '/perception/legend', heard.append, 10)
    robot.spin_until(lambda: heard)   # also of a node that is not configured
    expected = render_legend(['OK  perception: input: not subscribed while unconfigured',
                              'OK  perception: inference: unconfigured',
                              'OK  perception: drift: not watched while unconfigured'])
    np.testing.assert_array_equal(robot.pixels(heard[0]), expected)
    robot.start()
    robot.send(robot.image(picture))
    assert (robot.counts.unread, robot.counts.processed) == (1, 0)
    heard.clear()

    def pairs() -> list[Any]:   # each legend bears the stamp of its report
        return [(picture, report) for picture in heard for report in robot.received['diagnostics']
                if picture.header.stamp == report.header.stamp]

    robot.spin_until(lambda: pairs())
    picture, report = pairs()[-1]
    lines = [f'{WORDS[status.level]}  {status.name}: {status.message}'
             for status in report.status]
    expected = render_legend(
        lines, robot.node._model.manifest.class_map, Style(50.0, 0.3, -45.0, -5.0))
    np.testing.assert_array_equal(robot.pixels(picture), expected)
