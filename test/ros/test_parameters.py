# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The table of parameters: complete, documented, validated, and live where it says so."""

from __future__ import annotations

from dataclasses import fields
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from hybrid_perception.ros.parameters import (
    TABLE,
    NodeParameters,
    frame_style,
    markdown,
    type_parameters,
)

ROOT = Path(__file__).resolve().parents[2]
RANGED = [entry for entry in TABLE if entry.range is not None]


def test_the_table_and_the_typed_form_name_the_same_parameters():
    assert [entry.field for entry in TABLE] == [field.name for field in fields(NodeParameters)]
    hints = NodeParameters.__annotations__
    kinds = {bool: 'bool', int: 'int', float: 'float', str: 'str', list: 'tuple[float, float]'}
    for entry in TABLE:
        assert hints[entry.field] == kinds[type(entry.default)], entry.name


def test_the_documented_table_is_not_stale():
    assert (ROOT / 'docs' / 'parameters.md').read_text() == markdown(), (
        'run: python3 -m hybrid_perception.ros.parameters > docs/parameters.md')


def test_the_parameter_file_shows_the_defaults():
    document = yaml.safe_load((ROOT / 'config' / 'perception.yaml').read_text())

    def flatten(values, prefix=''):
        for name, value in values.items():
            if isinstance(value, dict):
                yield from flatten(value, f'{prefix}{name}.')
            else:
                yield prefix + name, value

    shown = dict(flatten(document['/**']['ros__parameters']))
    defaults = {entry.name: entry.default for entry in TABLE}
    assert set(defaults) - set(shown) == {'model_path'}
    for name, value in shown.items():
        both_unset = isinstance(value, float) and math.isnan(value) and math.isnan(defaults[name])
        assert both_unset or value == defaults[name], name
        assert type(value) is type(defaults[name]), name


def test_every_parameter_is_declared_with_its_description(make_robot):
    node = make_robot().node
    for entry in TABLE:
        descriptor = node.describe_parameter(entry.name)
        assert entry.description in descriptor.description
        assert descriptor.read_only is entry.read_only
        assert descriptor.additional_constraints == entry.constraint


def test_wrong_values_are_refused_when_set_and_nothing_changes(make_robot):
    robot = make_robot().start()
    before = robot.node.parameters
    for values, word in [({'overlay_alpha': 1.01}, '1.0'), ({'overlay_alpha': 1}, 'type'),
                         ({'anomaly_threshold': math.inf}, 'finite'),
                         ({'anomaly_color_range': [1.0]}, 'vmin < vmax'),
                         ({'operating_point': 'nope'}, 'middle, high'),
                         ({'backend': 'auto'}, 'read-only'),
                         ({'overlay_alpha': 0.1, 'operating_point': 'nope'}, 'middle, high')]:
        result = robot.set(**values)
        assert not result.successful, values
        assert word in result.reason
    assert robot.node.parameters is before
    assert robot.node.get_parameter('overlay_alpha').value == 0.5


@pytest.mark.parametrize('entry', RANGED, ids=lambda entry: entry.name)
def test_the_ends_of_a_range_are_enforced_by_the_descriptor(entry):
    descriptor = entry.descriptor()
    bounds, = descriptor.floating_point_range or descriptor.integer_range
    assert (bounds.from_value, bounds.to_value) == entry.range
    assert bounds.from_value <= entry.default <= bounds.to_value


def test_the_threshold_follows_the_parameters_from_the_next_frame_on(make_robot, picture):
    robot = make_robot().start('open_set_mask', 'anomaly_score')

    def unknown_from(threshold):
        robot.received['open_set_mask'].clear()
        robot.received['anomaly_score'].clear()
        robot.send(robot.image(picture))
        score = robot.pixels(robot.received['anomaly_score'][0])
        mask = robot.pixels(robot.received['open_set_mask'][0])
        np.testing.assert_array_equal(mask, np.where(score >= threshold, 255, 0))
        assert f'{threshold:.4f}' in [
            value.value for value in robot.status('inference').values
            if value.key == 'anomaly threshold']

    unknown_from(50.0)
    assert robot.set(anomaly_threshold=-20.0).successful
    unknown_from(-20.0)
    assert robot.set(operating_point='high').successful
    unknown_from(-20.0)
    assert robot.set(anomaly_threshold=math.nan).successful
    unknown_from(100.5)
    assert robot.set(operating_point='').successful
    unknown_from(50.0)


def test_the_pictures_follow_the_parameters(make_robot, picture):
    robot = make_robot().start('overlay', 'anomaly_color')
    robot.send(robot.image(picture))
    assert robot.set(overlay_alpha=0.0, anomaly_color_range=[-100.0, 100.0]).successful
    robot.send(robot.image(picture))
    for topic in ('overlay', 'anomaly_color'):
        first, second = map(robot.pixels, robot.received[topic])
        assert (first != second).any()


def test_qos_overrides_are_declared_for_inputs_and_outputs(make_robot):
    node = make_robot().start().node
    for name in ('qos_overrides./image.subscription.reliability',
                 'qos_overrides./perception/label.publisher.depth'):
        assert node.has_parameter(name)


def test_a_qos_override_takes_effect(make_robot):
    robot = make_robot(**{'qos_overrides./perception/label.publisher.reliability': 'best_effort'})
    robot.start()
    assert robot.node._outputs._publishers['label'].qos_profile.reliability.name == 'BEST_EFFORT'
    assert robot.node._outputs._publishers['overlay'].qos_profile.reliability.name == 'RELIABLE'


def test_the_range_of_the_confidence_is_the_model_s_unless_it_is_set():
    values = {entry.name: entry.default for entry in TABLE}
    assert frame_style(type_parameters(values), 1.0, 10.5).confidence_range == 10.5
    values['confidence_range'] = 2.0
    assert frame_style(type_parameters(values), 1.0, 10.5).confidence_range == 2.0
