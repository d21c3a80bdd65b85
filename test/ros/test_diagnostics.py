# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What /diagnostics says, and when it warns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybrid_perception.ros.diagnostics import Health, judge_inference, judge_input
from hybrid_perception.ros.statistics import Counts

OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'
FINE = Health(
    state='active', step='', fault='', topic='/camera/image_raw', publishers=1, heard=True,
    silence=0.03, watchdog_timeout=2.0, counts=Counts(), rates={}, median_latency=0.05,
    watched=('label',), engine={})


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
])
def test_the_input_is_judged(change, bad, level, words):
    verdict = judge_input(replace(FINE, **change), bad)
    assert verdict[0] == level
    for word in words:
        assert word in verdict[1]


@pytest.mark.parametrize(('change', 'level', 'words'), [
    ({}, OK, 'segmenting'),
    ({'watched': ()}, OK, 'nobody reads an output'),
    ({'fault': 'configure failed: x.json', 'state': 'unconfigured'}, ERROR, 'x.json'),
    ({'state': 'configuring'}, OK, 'configuring'),
    ({'state': 'configuring', 'step': 'building, 43 %'}, OK, 'configuring: building, 43 %'),
])
def test_the_inference_is_judged(change, level, words):
    verdict = judge_inference(replace(FINE, **change))
    assert verdict[0] == level
    assert words in verdict[1]


def test_the_report_of_a_working_node_is_complete(make_robot, picture):
    robot = make_robot().start('label')
    for _ in range(3):
        robot.send(robot.image(picture))
    reports = {task: robot.status(task) for task in ('input', 'inference')}
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
