# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The nav2 example against the node, the shipped model, and the layer's own parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import String
import yaml

from hybrid_perception.manifest import load_manifest
from hybrid_perception.ros.parameters import ENTRIES
from hybrid_perception.scene import IMAGES

ROOT = Path(__file__).resolve().parents[2]

# Declared in src/semantic_segmentation_layer.cpp of kiwicampus/semantic_segmentation_layer, at
# commit a70cf6ec8a44d0903209b6f433d9f8c40dbca0db.
LAYER = {'enabled': bool, 'combination_method': int, 'observation_sources': str,
         'publish_debug_topics': bool, 'use_approximate_time_sync': bool}
SOURCE = {'segmentation_topic': str, 'confidence_topic': str, 'labels_topic': str,
          'pointcloud_topic': str, 'observation_persistence': float,
          'expected_update_rate': float, 'class_types': list, 'max_obstacle_distance': float,
          'min_obstacle_distance': float, 'tile_map_decay_time': float,
          'visualize_tile_map': bool, 'use_cost_selection': bool}
CLASS_TYPE = {'classes': list, 'base_cost': int, 'max_cost': int, 'mark_confidence': int,
              'samples_to_max_cost': int, 'dominant_priority': bool}


@pytest.fixture(scope='module')
def example():
    return yaml.safe_load((ROOT / 'config' / 'costmap_example.yaml').read_text('utf-8'))


@pytest.fixture(scope='module')
def costmap(example):
    return example['local_costmap']['local_costmap']['ros__parameters']


@pytest.fixture(scope='module')
def layer(costmap):
    return costmap['semantic_layer']


@pytest.fixture(scope='module')
def source(layer):
    return layer[layer['observation_sources']]


def check(values, names):
    for name, value in values.items():
        # A float parameter of rclcpp refuses an integer, and the other way round.
        assert type(value) is names[name], name


def test_the_layer_knows_every_parameter_with_its_type(costmap, layer, source):
    assert layer['plugin'] == 'semantic_segmentation_layer::SemanticSegmentationLayer'
    assert 'semantic_layer' in costmap['plugins']
    for plugin in costmap['plugins']:
        assert '::' in costmap[plugin]['plugin']
    sources = layer['observation_sources'].split()
    check({name: value for name, value in layer.items() if name not in (*sources, 'plugin')},
          LAYER)
    types = source['class_types']
    check({name: value for name, value in source.items() if name not in types}, SOURCE)
    for name in types:
        check(source[name], CLASS_TYPE)
        assert set(source[name]) == set(CLASS_TYPE), name
        for cost in ('base_cost', 'max_cost', 'mark_confidence'):
            assert 0 <= source[name][cost] <= 254   # uint8 in the layer, 255 is "no information"


def test_every_class_of_the_shipped_model_is_in_one_type_and_the_unknown_is_danger(source):
    classes = load_manifest(ROOT / 'models', verify_hash=False).class_map
    listed = [name for kind in source['class_types'] for name in source[kind]['classes']]
    assert sorted(listed) == sorted([*classes.names, classes.unknown_name])
    danger = source['danger']
    assert danger['classes'] == [classes.unknown_name]
    assert danger['max_cost'] == 254   # nav2_costmap_2d::LETHAL_OBSTACLE
    assert danger['dominant_priority'] is True


def test_topics_and_encodings_are_what_the_node_publishes(make_robot, source, monkeypatch):
    module = 'hybrid_perception.ros.outputs'
    monkeypatch.setattr(f'{module}.label_info_type', lambda: String)
    monkeypatch.setattr(f'{module}.label_info_msg', lambda *_: String())
    robot = make_robot().start()
    published = dict(robot.node.get_publisher_names_and_types_by_node('perception', '/'))
    for name in ('segmentation_topic', 'confidence_topic'):
        assert published[source[name]] == ['sensor_msgs/msg/Image'], name
    encodings = {f'/perception/{output.topic}': output.encoding for output in IMAGES}
    assert encodings[source['segmentation_topic']] == 'mono8'
    assert encodings[source['confidence_topic']] == 'mono8'
    assert source['segmentation_topic'] == '/perception/open_set_label'   # label hides the unknown
    assert source['labels_topic'] in published
    latched, = robot.node.get_publishers_info_by_topic(source['labels_topic'])
    assert latched.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert latched.qos_profile.reliability == ReliabilityPolicy.RELIABLE


def test_the_layer_s_subscriptions_hear_both_images_of_a_frame(make_robot, picture, source):
    robot = make_robot(output_size='source').start()
    heard: dict[str, Image] = {}
    qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)   # SensorDataQoS(50)
    topics = [source['segmentation_topic'], source['confidence_topic']]
    for topic in topics:
        robot.probe.create_subscription(
            Image, topic, lambda message, topic=topic: heard.update({topic: message}), qos)
    robot.spin_until(lambda: {'open_set_label', 'confidence'} <= robot.node._outputs.watched())
    sent = robot.send(robot.image(picture))
    robot.spin_until(lambda: len(heard) == 2)
    for message in heard.values():
        assert message.header == sent.header
        assert (message.height, message.width) == (sent.height, sent.width)
        assert message.step == message.width   # the layer reads data[v * width + u]


def test_the_node_s_part_sets_parameters_that_it_has(example):
    values = example['/perception']['ros__parameters']
    for name, value in values.items():
        ENTRIES[name].check(value)
        assert type(value) is type(ENTRIES[name].default), name
    assert values['output_size'] == 'source'
