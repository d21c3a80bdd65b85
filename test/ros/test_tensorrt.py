# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node on TensorRT, over a stand-in: builds are told, failures survived or admitted."""

from __future__ import annotations

import re
import threading
import time

import numpy as np
import pytest
from tensorrt_stand_in import World

from hybrid_perception.exceptions import EngineError
from hybrid_perception.ros.diagnostics import judge_inference


@pytest.fixture
def world(monkeypatch):
    """Make a machine on which TensorRT works."""
    world = World()
    monkeypatch.setattr('hybrid_perception.backends.registry.find_accelerator', world.accelerator)
    return world


def values_of(robot):
    return {value.key: value.value for value in robot.status('inference').values}


def test_the_build_is_told_and_the_node_then_segments(make_robot, world, picture, monkeypatch):
    world.steps, world.step_seconds = 20, 0.05
    robot = make_robot(diagnostic_updater__period=0.1)
    reports, publish = [], robot.node._diagnostics.publish
    monkeypatch.setattr(robot.node._diagnostics, 'publish',
                        lambda health: (reports.append(health), publish(health)))
    robot.start('label')
    told = [judge_inference(health)[1] for health in reports]
    percents = [int(found[1]) for message in told
                if (found := re.search(r'configuring: building .* engine, (\d+) %', message))]
    assert len(percents) >= 3
    assert percents == sorted(percents)
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 1
    assert values_of(robot)['backend'].startswith('tensorrt (tensorrt 10.3.0, Orin')
    assert 'auto: GPU and TensorRT are here' in values_of(robot)['backend']


def test_the_parameter_names_the_cache(make_robot, world, tmp_path):
    directory = tmp_path / 'engines'
    make_robot(backend='tensorrt', engine_cache_dir=str(directory)).start()
    assert len(list(directory.glob('*/*.engine'))) == 1
    plan, = directory.glob('*/*.engine')
    robot = make_robot(engine_path=str(plan)).start()
    assert f'file {plan}' in values_of(robot)['backend']
    assert world.calls.count('build') == 1


def test_a_build_is_stopped_by_a_signal(make_robot, world):
    world.steps, world.step_seconds = 1000, 0.05
    robot = make_robot()
    threading.Timer(0.5, robot.node._stop.set).start()
    begun = time.monotonic()
    assert robot.node.trigger_configure().name == 'FAILURE'
    assert time.monotonic() - begun < 2.0


def test_what_is_missing_is_an_error_where_tensorrt_is_asked_for(make_robot):
    robot = make_robot(backend='tensorrt')
    assert robot.node.trigger_configure().name == 'FAILURE'
    assert "backend 'tensorrt' cannot run here: no NVIDIA driver" in robot.status(
        'inference').message


def test_auto_on_an_engine_that_differs_runs_on_the_cpu_and_says_so(
        make_robot, world, picture):
    world.score_offset = 9.0
    robot = make_robot().start('anomaly_score')
    backend = values_of(robot)['backend']
    assert backend.startswith('onnxruntime (')
    assert 'differs from the CPU' in backend
    robot.send(robot.image(picture))
    assert np.abs(robot.pixels(robot.received['anomaly_score'][0])).max() <= 127.5
    robot.spin_until(lambda: any('TensorRT is not used' in line for line in robot.log))


def test_a_gpu_that_fails_once_costs_no_frame_and_no_build(make_robot, world, picture):
    robot = make_robot(backend='tensorrt').start('label')
    world.faults['wait'] = 1
    robot.send(robot.image(picture))
    assert (len(robot.received['label']), robot.node.failed) == (1, False)
    assert world.calls.count('build') == 1


def test_a_lost_gpu_is_an_error_and_nothing_half_done_is_published(make_robot, world, picture):
    robot = make_robot(backend='tensorrt').start('label')
    world.faults['wait'] = -1
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: robot.node.failed)
    status = robot.status('inference')
    assert status.level == b'\x02'
    assert 'illegal memory access' in status.message
    assert robot.received['label'] == []


def test_build_only_leaves_an_engine_that_the_next_start_takes(make_robot, world, tmp_path):
    directory = tmp_path / 'engines'
    robot = make_robot(build_only=True, engine_cache_dir=str(directory))
    assert robot.node.build_only()
    assert world.contexts == 0
    assert len(list(directory.glob('*/*.engine'))) == 1
    robot.spin_until(lambda: any('the engine is ready: tensorrt (' in line for line in robot.log))
    assert robot.node._inputs == []
    make_robot(engine_cache_dir=str(directory)).start()
    assert world.calls.count('build') == 1


@pytest.mark.parametrize(('faults', 'words'), [
    ({'parse': 1}, 'cannot be read'), ({'build': 1}, 'cannot be built')])
def test_build_only_does_not_fall_back_to_the_cpu(make_robot, world, faults, words):
    world.faults.update(faults)
    robot = make_robot(build_only=True, backend='auto')
    assert not robot.node.build_only()
    assert words in robot.node.fault


def test_build_only_fails_where_the_engine_cannot_be_kept(make_robot, world, monkeypatch):
    def full(*_):
        raise EngineError('the disk is full')

    monkeypatch.setattr('hybrid_perception.engine.cache.write_atomically', full)
    robot = make_robot(build_only=True)
    assert not robot.node.build_only()
    assert 'the disk is full' in robot.node.fault
    assert world.contexts == 0


def test_build_only_without_a_gpu_says_what_is_missing(make_robot):
    robot = make_robot(build_only=True)
    assert not robot.node.build_only()
    assert 'no NVIDIA driver' in robot.node.fault


@pytest.mark.parametrize('parameters', [
    {'backend': 'onnxruntime'}, {'engine_path': '/opt/engines/my.engine'}])
def test_build_only_without_anything_to_build_is_an_error(make_robot, world, parameters):
    robot = make_robot(build_only=True, **parameters)
    assert not robot.node.build_only()
    assert 'leave one of them out' in robot.node.fault
    assert world.calls == []
