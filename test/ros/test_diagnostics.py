# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What /diagnostics says, and when it warns."""

from __future__ import annotations

from dataclasses import replace
import json
import threading

import numpy as np
import pytest

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
from hybrid_perception.ros.statistics import Counts
from hybrid_perception.segmentation import Segmenter

OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'
RAW, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
FINE = Health(
    state='active', step='', fault='', topic='/camera/image_raw', publishers=1, heard=True,
    silence=0.03, watchdog_timeout=2.0, counts=Counts(), rates={}, median_latency=0.05,
    engine_busy=0.1, watched=('label',), engine={}, drift=DriftReport('not calibrated'),
    wanted_type=RAW)


@pytest.mark.parametrize(('change', 'bad', 'level', 'words'), [
    ({}, 0, OK, ['receiving /camera/image_raw']),
    ({'heard': False, 'silence': 2.1, 'publishers': 0}, 0, WARN,
     ['no image yet', 'nobody publishes /camera/image_raw']),
    ({'heard': False, 'silence': 2.1}, 0, WARN,
     ['no image yet', '/camera/image_raw', 'fastdds_shm.xml', 'FASTDDS_DEFAULT_PROFILES_FILE']),
    ({'silence': 3.2}, 0, WARN, ['no image for 3.2 s', 'fastdds_shm.xml']),
    ({'heard': False, 'silence': 9.0}, 0, WARN, ['no image yet']),
    ({'heard': False, 'silence': 0.5}, 0, OK, ['waiting for /camera/image_raw']),
    ({'silence': 9.0, 'state': 'inactive'}, 0, OK, ['not subscribed while inactive']),
    ({}, 3, WARN, ['3 bad frame']),
    ({'median_latency': 4e8}, 0, WARN, ['400000000 s off', 'use_sim_time']),
    ({'median_latency': None}, 0, OK, ['receiving']),
    ({'clock_missing': True}, 0, WARN, ['use_sim_time is set', 'nothing publishes /clock']),
    ({'senders': (('/driver', COMPRESSED),)}, 0, WARN,
     [f'/camera/image_raw has type {COMPRESSED}', 'subscribes to sensor_msgs/msg/Image',
      "image_transport to 'compressed'"]),
    ({'senders': (('/driver', 'sensor_msgs/msg/PointCloud2'),)}, 0, WARN,
     ['has type sensor_msgs/msg/PointCloud2', 'remap image']),
    ({'senders': (('/left', RAW), ('/right', RAW))}, 0, WARN, ['2 publishers (/left, /right)']),
    ({'senders': (('/driver', RAW),)}, 0, OK, ['receiving']),
])
def test_the_input_is_judged(change, bad, level, words):
    verdict = judge_input(replace(FINE, **change), bad)
    assert verdict[0] == level
    for word in words:
        assert word in verdict[1]


@pytest.mark.parametrize(('change', 'level', 'words'), [
    ({}, OK, 'segmenting'),
    ({'watched': ()}, OK, 'nobody reads an output'),
    ({'engine_busy': 2.1}, WARN, 'at work on one frame for 2.1 s'),
    ({'engine_busy': 2.1, 'fault': 'inference failed'}, ERROR, 'inference failed'),
    ({'fault': 'configure failed: x.json', 'state': 'unconfigured'}, ERROR, 'x.json'),
    ({'state': 'configuring'}, OK, 'configuring'),
    ({'state': 'configuring', 'step': 'building, 43 %'}, OK, 'configuring: building, 43 %'),
])
def test_the_inference_is_judged(change, level, words):
    verdict = judge_inference(replace(FINE, **change))
    assert verdict[0] == level
    assert words in verdict[1]


def test_frames_that_are_all_too_late_are_no_segmenting():
    level, words = judge_inference(FINE, new_late=9, new_processed=0)
    assert level == WARN
    assert 'nothing is published: all 9 frames' in words
    assert judge_inference(FINE, new_late=9, new_processed=1)[0] == OK


def test_an_engine_that_hangs_is_told(make_robot, picture, monkeypatch):
    robot = make_robot(watchdog_timeout=0.2, **{'diagnostic_updater.period': 0.1}).start('label')
    segmenter, go_on = robot.node._engine.segmenter, threading.Event()
    segment = segmenter.segment
    monkeypatch.setattr(segmenter, 'segment', lambda rgb: go_on.wait(60) and segment(rgb))
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: 'at work on one frame' in robot.status('inference').message)
    assert robot.status('inference').level == WARN
    go_on.set()
    robot.spin_until(lambda: robot.status('inference').message == 'segmenting')


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
