# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The build: what the builder is told, what comes of it, and how it fails."""

from __future__ import annotations

import threading
import time

import pytest
from tensorrt_stand_in import World

from hybrid_perception.engine.builder import BuildStoppedError, build_plan
from hybrid_perception.exceptions import EngineError, ModelError


@pytest.fixture
def world():
    return World()


def build(world, onnx=b'graph', stop=None, told=None, **options):
    return build_plan(
        world.accelerator().library, onnx, report=(told if told is not None else []).append,
        stop=stop or threading.Event(), **options)


def test_a_graph_becomes_a_plan_with_its_timings(world):
    told = []
    built = build(world, told=told)
    assert built.plan == b'plan of 10.3.0;graph'
    assert built.timings == b'timings'
    assert built.layers == 6
    assert told == [0, 25, 50, 75, 100]
    assert world.calls == ['clear TF32', 'build']


def test_what_the_parser_does_not_understand_is_a_model_error(world):
    world.faults['parse'] = 1
    with pytest.raises(ModelError, match='unsupported node Foo'):
        build(world)


def test_a_failed_build_is_an_engine_error(world):
    world.faults['build'] = 1
    with pytest.raises(EngineError, match=r'cannot be built .tensorrt 10.3.0: no reason given'):
        build(world)


def test_a_build_is_stopped_within_two_seconds(world):
    world.steps, world.step_seconds = 100, 0.1
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(BuildStoppedError):
        build(world, stop=stop)
    assert time.monotonic() - begun < 2.0


def test_damaged_timings_cost_time_only(world, caplog):
    assert build(world, timings=b'damaged').plan
    assert 'timings of earlier builds cannot be used' in caplog.text
    caplog.clear()
    assert build(world, timings=b'good').plan
    assert caplog.text == ''
