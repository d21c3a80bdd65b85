# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What /diagnostics says, and when it warns."""

from __future__ import annotations

from dataclasses import replace
import json
import threading

import numpy as np
import pytest
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.calibration.calibration_file import write_calibration
from hybrid_perception.calibration.drift_monitor import DriftState
from hybrid_perception.calibration.drift_table import DriftTable
from hybrid_perception.manifest import load_manifest
from hybrid_perception.ros.diagnostics import (
    Health,
    judge_drift,
    judge_inference,
    judge_input,
)
from hybrid_perception.ros.drift import DriftReport
from hybrid_perception.ros.graph import (
    COMPRESSED,
    IMAGE,
    LASTING,
    MOST,
    Graph,
    GraphWatch,
    listed,
    printable,
)
from hybrid_perception.ros.parameters import TABLE, type_parameters
from hybrid_perception.ros.segmentation_node import SegmentationNode
from hybrid_perception.ros.statistics import Counts, Work
from hybrid_perception.segmentation import Segmenter

OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'
PARAMETERS = replace(
    type_parameters({entry.name: entry.default for entry in TABLE}), max_latency=0.3)
GRAPH = Graph(publishers=('/driver',))
FINE = Health(
    state='active', step='', fault='', topic='/camera/image_raw', compressed=False, graph=GRAPH,
    heard=True, silence=0.03, parameters=PARAMETERS, counts=Counts(), rates={},
    median_latency=0.05, late_for=None, busy=(Work.INFERENCE, 0.1), watched=('label',), engine={},
    drift=DriftReport('not calibrated'), camera_info_topic='/camera/camera_info')
SILENT = {'heard': False, 'silence': 2.1}


def graph(**fields):
    return {'graph': replace(GRAPH, **fields)}


@pytest.mark.parametrize(('change', 'bad', 'level', 'words'), [
    ({}, 0, OK, ['receiving /camera/image_raw']),
    (SILENT | graph(publishers=()), 0, WARN,
     ['no image yet', 'nobody publishes /camera/image_raw']),
    (SILENT | graph(publishers=(), elsewhere=('/cam/image',)), 0, WARN, ['there are /cam/image']),
    (SILENT | graph(publishers=(), other_transport='/camera/image_raw/compressed'), 0, WARN,
     ['image_transport: compressed', '/camera/image_raw/compressed']),
    ({'silence': 3.0, 'last_publishers': ('/driver',)} | graph(publishers=()), 0, WARN,
     ['no image for 3.0 s', '/driver is gone']),
    ({'silence': 3.0, 'last_publishers': ('/rosbag2_player',)} | graph(publishers=()), 0, WARN,
     ['recording has ended', '/rosbag2_player']),
    (SILENT | graph(publishers=(), wrong_type=(('/driver', COMPRESSED),)) | {
        'topic': '/camera/image_raw/compressed'}, 0, WARN,
     ['has type sensor_msgs/msg/CompressedImage', '/driver', 'image_transport: compressed',
      'drop /compressed', 'image:=/camera/image_raw']),
    (SILENT | graph(publishers=(), wrong_type=(('/driver', IMAGE),)) | {'compressed': True}, 0,
     WARN, ['has type sensor_msgs/msg/Image', 'image_transport: raw']),
    (SILENT | graph(publishers=(), wrong_type=(('/driver', 'std_msgs/msg/String'),)), 0, WARN,
     ['has type std_msgs/msg/String', 'this node reads sensor_msgs/Image']),
    (SILENT | graph(incompatible=(('/driver', 'reliability'),)), 0, WARN,
     ['the QoS of /driver', 'reliability', 'qos_overrides./camera/image_raw.subscription']),
    (graph(publishers=('/left', '/right')), 0, OK, ['receiving']),
    (graph(crowd=('/left', '/right')), 0, WARN,
     ['2 publishers on /camera/image_raw (/left, /right)']),
    (graph(crowd=('/left', '/right')) | {'mixed_clocks': True}, 0, WARN,
     ['/left, /right', 'stamps interleave']),
    ({'mixed_clocks': True}, 0, WARN, ['(/driver) go back and forth']),
    ({'clock_missing': True, 'median_latency': None}, 0, WARN,
     ['use_sim_time is set and /clock has no publisher']),
    ({'clock_missing': True, 'median_latency': None} | graph(clocks=1), 0, WARN,
     ['/clock is silent']),
    ({'median_latency': -0.4}, 0, WARN, ['0.40 s ahead']),
    ({'median_latency': -0.001}, 0, OK, ['receiving']),
    ({'late_for': 0.0}, 0, OK, ['receiving']),
    ({'late_for': 1.5}, 0, WARN, ['nothing is published', 'older than max_latency (0.3 s)']),
    ({'late_for': 2.5}, 0, ERROR, ['nothing is published', 'for 2.5 s']),
    ({'late_for': 2.5, 'silence': 9.0}, 2, WARN, ['no image for 9.0 s', '2 bad frame']),
    (graph(namesakes=1), 0, WARN, ['2 nodes have the name of this one']),
    (graph(namesakes=1) | {'state': 'unconfigured'}, 0, WARN, ['2 nodes have the name']),
    (graph(rivals=('/other',)), 0, WARN, ['/other segments /camera/image_raw as well']),
    ({'watched': ('camera_info',), 'calibrated': False}, 0, WARN,
     ['no calibration came on /camera/camera_info', 'remap camera_info']),
    ({'calibrated': False}, 0, OK, ['receiving']),
    ({'oddities': ('sheared',), 'late_for': 3.0}, 0, ERROR, ['nothing is published', 'sheared']),
    ({'heard': False, 'silence': 2.1}, 0, WARN,
     ['no image yet', '/camera/image_raw', 'fastdds_shm.xml', 'FASTDDS_DEFAULT_PROFILES_FILE']),
    ({'silence': 3.2}, 0, WARN, ['no image for 3.2 s', 'fastdds_shm.xml']),
    ({'heard': False, 'silence': 9.0}, 0, WARN, ['no image yet']),
    ({'heard': False, 'silence': 0.5}, 0, OK, ['waiting for /camera/image_raw']),
    ({'silence': 9.0, 'state': 'inactive'}, 0, OK, ['not subscribed while inactive']),
    ({}, 3, WARN, ['3 bad frame']),
    ({'median_latency': 4e8}, 0, WARN, ['400000000 s off', 'use_sim_time']),
    ({'median_latency': None}, 0, OK, ['receiving']),
])
def test_the_input_is_judged(change, bad, level, words):
    verdict = judge_input(replace(FINE, **change), bad)
    assert verdict[0] == level
    for word in words:
        assert word in verdict[1]


@pytest.mark.parametrize(('change', 'level', 'words'), [
    ({}, OK, 'segmenting'),
    ({'watched': ()}, OK, 'nobody reads an output'),
    ({'late_for': 1.0}, WARN, 'too late'),
    ({'late_for': 3.0}, ERROR, 'too late'),
    (SILENT, OK, 'waiting for images'),
    ({'busy': (Work.INFERENCE, 2.1)}, WARN, 'the engine has been at work on one frame for 2.1 s'),
    ({'busy': (Work.DECODING, 2.1)}, WARN, 'decoding has been at work on one frame for 2.1 s'),
    ({'busy': (Work.PUBLISHING, 2.1)}, WARN, 'publishing has been at work on one frame for'),
    ({'busy': (Work.WAITING, 2.1)}, WARN, 'turn on the engine, which another camera has, for'),
    ({'busy': (Work.INFERENCE, 10.1)}, ERROR, 'at work on one frame for 10.1 s'),
    ({'busy': None}, OK, 'segmenting'),
    ({'busy': (Work.INFERENCE, 2.1), 'fault': 'inference failed'}, ERROR, 'inference failed'),
    ({'fault': 'configure failed: x.json', 'state': 'unconfigured'}, ERROR, 'x.json'),
    ({'state': 'configuring'}, OK, 'configuring'),
    ({'state': 'configuring', 'step': 'building, 43 %'}, OK, 'configuring: building, 43 %'),
])
def test_the_inference_is_judged(change, level, words):
    verdict = judge_inference(replace(FINE, **change))
    assert verdict[0] == level
    assert words in verdict[1]


def test_an_engine_that_hangs_is_told(make_robot, picture, monkeypatch):
    robot = make_robot(watchdog_timeout=0.2, **{'diagnostic_updater.period': 0.1}).start('label')
    segmenter, go_on = robot.node._model.segmenter, threading.Event()
    segment = segmenter.segment
    monkeypatch.setattr(segmenter, 'segment', lambda rgb: go_on.wait(60) and segment(rgb))
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: 'at work on one frame' in robot.status('inference').message)
    assert robot.status('inference').level == WARN
    go_on.set()
    robot.spin_until(lambda: robot.status('inference').level == OK)
    assert robot.status('inference').message == 'waiting for images'


@pytest.mark.parametrize(('state', 'report', 'level', 'words'), [
    ('active', DriftReport('not calibrated: x'), OK, 'not calibrated: x'),
    ('inactive', DriftReport('', 'mine', 8), OK, 'not watched while inactive'),
    ('active', DriftReport('', 'mine', 8, DriftState(frames=3)), OK, 'mine: 3 of 8 frames'),
    ('active', DriftReport('', 'mine', 8, DriftState(1, 0, 0.3, 0.2, 1)), OK, 'looks like'),
    ('active', DriftReport('', 'mine', 8, DriftState(2, 0, 0.3, 0.2, 2)), WARN,
     'no longer looks like the drive of calibration mine (distance 0.300, limit 0.200)'),
])
def test_the_drift_is_judged(state, report, level, words):
    verdict = judge_drift(replace(FINE, state=state, drift=report))
    assert verdict[0] == level
    assert words in verdict[1]


def shade(value):
    """Make a picture whose mean brightness, hence score, wanders about `value`."""
    rows = np.arange(48, dtype=np.uint8)[:, None, None] + np.uint8(value)
    return np.broadcast_to(rows, (48, 96, 3)).copy()


@pytest.fixture
def calibrated(tiny_model):
    """Calibrate the tiny model on a drive of pictures about 60, ten windows of one frame."""
    manifest = load_manifest(tiny_model)
    segmenter = Segmenter(manifest, create_backend('onnxruntime', manifest, threads=1))
    table = DriftTable()
    for number in range(10):
        table.add(segmenter.segment(shade(60 + number % 3)).anomaly_score, 100.0 + number)
    write_calibration(tiny_model, {
        'format': 1, 'name': 'mine', 'model_sha256': manifest.sha256, 'source': {},
        'date': '2026-01-01', 'frames': 10, 'guarantee': 'words',
        'operating_points': {
            'mine/fpr0.1': {'threshold': 0.0, 'target': 'FPR', 'data': 'a drive'}},
        'score_quantiles': {'share': [0.5], 'score': [1.0]}, 'drift': table.reference()})


def drive(robot, *values):
    for value in values:
        drive.stamp += 2
        message = robot.image(shade(value))
        message.header.stamp.sec = drive.stamp
        robot.send(message)


drive.stamp = 1000


def test_another_scene_is_reported_until_the_old_one_comes_back(
    calibrated, make_robot
):
    robot = make_robot(operating_point='mine/fpr0.1').start('label')
    assert 'comparing with calibration mine: 0 of 1 frames' in robot.status('drift').message
    drive(robot, 60, 61, 62, 60)
    status = robot.status('drift')
    assert (status.level, status.message) == (OK, 'looks like the drive of calibration mine')
    assert {value.key: value.value for value in status.values}['windows compared'] == '4'
    drive(robot, 100, 100)
    status = robot.status('drift')
    assert status.level == WARN
    assert 'no longer looks like the drive of calibration mine' in status.message
    assert robot.status('inference').level == OK
    assert any('no longer looks like' in line for line in robot.log)
    drive(robot, 61)
    assert robot.status('drift').level == OK


def test_the_operating_point_chooses_the_calibration(calibrated, make_robot):
    robot = make_robot().start('label')
    assert 'not calibrated: operating point middle is' in robot.status('drift').message
    assert robot.set(operating_point='mine/fpr0.1').successful
    drive(robot, 100)
    assert robot.status('drift').message == 'looks like the drive of calibration mine'
    assert robot.set(overlay_alpha=0.4).successful   # does not begin anew
    drive(robot, 100)
    assert robot.status('drift').level == WARN
    assert robot.set(operating_point='').successful
    status = robot.status('drift')
    assert (status.level, list(status.values)) == (OK, [])


def test_drift_starts_anew_after_a_jump_back_and_can_be_off(calibrated, make_robot):
    robot = make_robot(operating_point='mine/fpr0.1').start('label')
    drive(robot, 100, 100)
    assert robot.status('drift').level == WARN
    drive.stamp -= 500
    drive(robot, 61)
    values = {value.key: value.value for value in robot.status('drift').values}
    assert (values['windows compared'], robot.status('drift').level) == ('1', OK)
    robot.node.trigger_deactivate()
    robot.node.trigger_activate()
    assert 'comparing with calibration mine: 0 of' in robot.status('drift').message
    off = make_robot(operating_point='mine/fpr0.1', drift__tolerance=0.0)
    off.start()
    off.spin_until(lambda: off.received['diagnostics'])
    assert off.node._drift.report().unwatched == 'off by drift.tolerance'


def test_a_calibration_that_was_damaged_meanwhile_is_named(calibrated, tiny_model, make_robot):
    robot = make_robot().start('label')
    path = tiny_model.with_name('tiny.mine.calibration.json')
    path.write_text('{')
    assert robot.set(operating_point='mine/fpr0.1').successful
    status = robot.status('drift')
    assert (status.level, f'{path} is not a calibration' in status.message) == (OK, True)


def test_a_calibration_without_a_drift_table_says_so(calibrated, tiny_model, make_robot):
    path = tiny_model.with_name('tiny.mine.calibration.json')
    document = json.loads(path.read_text())
    del document['drift']
    path.write_text(json.dumps(document))
    robot = make_robot(operating_point='mine/fpr0.1').start('label')
    assert 'calibration mine has no drift table' in robot.status('drift').message


def test_the_report_of_a_working_node_is_complete(make_robot, picture):
    robot = make_robot().start('label')
    for _ in range(3):
        robot.send(robot.image(picture))
    reports = {task: robot.status(task) for task in ('input', 'inference', 'drift')}
    values = {value.key: value.value for status in reports.values() for value in status.values}
    assert values['frames received'] == values['frames processed'] == '3'
    assert values['state'] == 'active'
    assert values['model'] == 'tiny'
    assert values['backend'].startswith('onnxruntime (')
    assert values['outputs read'] == 'label'
    assert float(values['input rate (Hz)']) > 0.0
    p50, p95, p99 = map(float, values['latency p50/p95/p99 (ms)'].split(' / '))
    assert 0.0 < p50 <= p95 <= p99
    assert {status.hardware_id for status in reports.values()} == {'perception'}
    assert {status.level for status in reports.values()} == {OK}


def test_a_camera_that_falls_silent_is_reported(make_robot, picture):
    robot = make_robot(watchdog_timeout=0.4).start('label')
    robot.send(robot.image(picture))
    assert robot.status('input').level == OK
    robot.spin(0.6)
    status = robot.status('input')
    assert status.level == WARN
    assert 'no image for' in status.message


def test_no_image_yet_is_reported(make_robot):
    robot = make_robot(watchdog_timeout=0.3).start('label')
    robot.spin_until(lambda: 'no image yet' in robot.status('input').message)
    assert any('no image yet' in line for line in robot.log)


@pytest.mark.parametrize(('variables', 'words'), [
    ({}, 'this node runs without it'),
    ({'FASTDDS_DEFAULT_PROFILES_FILE': '/x.xml'}, 'FASTDDS_DEFAULT_PROFILES_FILE=/x.xml'),
    ({'FASTDDS_BUILTIN_TRANSPORTS': 'LARGE_DATA'}, 'FASTDDS_BUILTIN_TRANSPORTS=LARGE_DATA'),
])
def test_images_that_get_lost_are_told_with_the_transport_of_the_node(
        variables, words, monkeypatch):
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE',
                 'FASTDDS_BUILTIN_TRANSPORTS'):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    message = judge_input(replace(FINE, **SILENT), 0)[1]
    assert words in message
    assert '/driver' in message


def test_names_from_outside_are_cut_and_printed_safely():
    assert printable('a\n[ERROR] forged\x1b[31m') == r'a\n[ERROR] forged\x1b[31m'
    assert len(printable('x' * 10_000)) < 70
    many = tuple(f'/node{number}' for number in range(MOST + 3))
    assert listed(many).endswith('and 3 more')


def test_a_node_that_has_just_ended_is_no_second_one(monkeypatch):
    seen = [Graph(namesakes=1, rivals=('/a',), publishers=('/b', '/c'))]
    now = [100.0]
    monkeypatch.setattr('hybrid_perception.ros.graph._survey', lambda *_, **__: seen[0])
    monkeypatch.setattr('hybrid_perception.ros.graph.time.monotonic', lambda: now[0])
    watch = GraphWatch(None, '/image', compressed=False)

    def doubles():
        found = watch.look(None)
        return found.namesakes, found.rivals, found.crowd

    assert doubles() == (0, (), ())
    now[0] += LASTING / 2
    assert doubles() == (0, (), ())
    now[0] += LASTING
    assert doubles() == (1, ('/a',), ('/b', '/c'))
    seen[0] = Graph(publishers=('/c',))
    assert doubles() == (0, (), ())
    seen[0] = Graph(namesakes=1)
    assert doubles() == (0, (), ())


def activate(robot):
    """Activate the node though no camera that it can hear is there."""
    assert robot.node.trigger_configure().name == 'SUCCESS'
    assert robot.node.trigger_activate().name == 'SUCCESS'


def input_message(robot, words):
    robot.spin_until(lambda: words in robot.status('input').message)
    status = robot.status('input')
    return status.level, status.message


def test_a_raw_node_on_a_compressed_topic_names_the_type(make_robot):
    robot = make_robot(watchdog_timeout=0.2)
    robot.probe.destroy_publisher(robot.camera)
    activate(robot)
    context = Context()   # a participant has one type for each topic
    context.init()
    driver = Node('driver', context=context)
    try:
        driver.create_publisher(CompressedImage, '/image', 1)
        level, message = input_message(robot, 'has type sensor_msgs/msg/CompressedImage')
        assert (level, '(from /driver)' in message) == (WARN, True)
        assert 'fastdds' not in message
    finally:
        driver.destroy_node()
        context.try_shutdown()


def test_the_topic_of_the_other_transport_and_those_of_other_cameras_are_named(make_robot):
    robot = make_robot(watchdog_timeout=0.2)
    robot.probe.destroy_publisher(robot.camera)
    activate(robot)
    input_message(robot, 'set image_transport: compressed for /image/compressed')
    robot.probe.destroy_publisher(robot.jpeg_camera)
    robot.probe.create_publisher(Image, '/front/image_raw', 1)
    _, message = input_message(robot, 'there are /front/image_raw')
    assert '/perception/label' not in message, 'its own outputs are no cameras'


def test_a_qos_that_does_not_fit_is_named(make_robot):
    robot = make_robot(
        watchdog_timeout=0.2, **{'qos_overrides./image.subscription.reliability': 'reliable'})
    activate(robot)
    level, message = input_message(robot, 'the QoS of /probe does not fit')
    assert (level, 'qos_overrides./image.subscription' in message) == (WARN, True)


def test_a_camera_that_goes_away_is_named(make_robot, picture):
    robot = make_robot(watchdog_timeout=0.3).start('label')
    robot.send(robot.image(picture))
    robot.spin_until(lambda: robot.node._diagnostics._last_publishers == ('/probe',))
    robot.probe.destroy_publisher(robot.camera)
    level, _ = input_message(robot, '/probe is gone from /image')
    assert level == WARN


def test_frames_that_all_come_too_late_are_an_error_at_last(make_robot, picture):
    robot = make_robot(watchdog_timeout=0.3, max_latency=0.5).start('label')
    seen = set()

    def failing():
        message = robot.image(picture)
        message.header.stamp = robot.probe.get_clock().now().to_msg()
        message.header.stamp.sec -= 2
        robot.send(message)
        statuses = [report.status[:2] for report in robot.received['diagnostics']]
        seen.update(status.level for pair in statuses for status in pair)
        return statuses and all(status.level == ERROR for status in statuses[-1])

    robot.spin_until(failing)
    assert WARN in seen
    robot.send(robot.image(picture))
    assert robot.status('inference').message == 'segmenting'


def test_two_cameras_on_one_topic_are_named(make_robot, picture):
    robot = make_robot().start('label')
    other = Node('other_camera', context=robot.context)
    other.create_publisher(Image, '/image', 1)
    _, message = input_message(robot, '2 publishers on /image')
    assert '/probe' in message
    assert '/other_camera' in message
    other.destroy_node()


def test_two_nodes_of_one_name_and_two_on_one_camera_are_told(make_robot):
    first = make_robot().start('label')
    second = make_robot()
    input_message(first, '2 nodes have the name of this one')
    assert second.node.trigger_configure().name == 'SUCCESS'
    rival = SegmentationNode(
        context=first.context, node_name='rival',
        parameter_overrides=[Parameter('model_path', value=first.node.parameters.model_path)])
    assert rival.trigger_configure().name == 'SUCCESS'
    assert rival.trigger_activate().name == 'SUCCESS'
    input_message(first, '/rival segments /image as well')
    rival.close()


def test_simulated_time_without_a_clock_is_told(make_robot, picture):
    robot = make_robot(use_sim_time=True).start('label')
    robot.send(robot.image(picture))
    # Reports bear the time of the node's clock, which stands at 0, so none is known to be fresh.
    robot.spin_until(lambda: any(report.status[1].message == 'segmenting'
                                 for report in robot.received['diagnostics'][-1:]))
    first, second = robot.received['diagnostics'][-1].status[:2]
    assert first.level == WARN, first.message
    assert 'use_sim_time is set and /clock has no publisher' in first.message
    assert second.message == 'segmenting'
    assert {value.key: value.value for value in second.values}[
        'latency p50/p95/p99 (ms)'] == 'none yet'


def test_a_calibration_that_does_not_come_or_does_not_fit_is_told(make_robot, picture):
    robot = make_robot().start('camera_info')
    robot.send(robot.image(picture))
    input_message(robot, 'no calibration came on /camera_info')
    sent = CameraInfo(width=1920, height=1080, k=[float(value) for value in range(9)])
    robot.calibration.publish(sent)
    robot.spin_until(lambda: robot.node._worker.calibrated)
    robot.send(robot.image(picture))
    _, message = input_message(robot, '/camera_info is for 1920x1080')
    assert 'pictures are 96x48' in message
    passed = robot.received['camera_info'][-1]
    assert (passed.width, passed.height, list(passed.k)) == (1920, 1080, list(sent.k))


def test_unknown_parameters_are_named_with_what_is_near(make_robot):
    robot = make_robot(anomaly_treshold=1.0, **{
        'zzz': 1, 'qos_overrides./perception/labl.publisher.depth': 5})
    assert len([line for line in robot.log if 'is unknown and ignored' in line]) == 2
    robot.start('label')
    message = robot.status('input').message
    assert 'anomaly_treshold is unknown and ignored; anomaly_threshold is near' in message
    assert 'parameter zzz is unknown and ignored;' in message + ';'
    assert ('qos_overrides./perception/labl.publisher.depth is unknown and ignored; '
            'qos_overrides./perception/label.publisher.depth is near') in message
    assert len([line for line in robot.log if 'is unknown and ignored' in line]) == 3
