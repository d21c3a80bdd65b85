# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""An engine whose answer cannot be right costs that frame's pixels, and not the node."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hybrid_perception.backends import onnxruntime_backend
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.exceptions import EngineError

WARN = b'\x01'
BAD = 13
"""First value of the pictures for which the engine answers wrongly."""


def nan(label, score):
    score[0, :8] = np.nan
    return label, score


def infinite(label, score):
    score[0, :8] = np.inf
    return label, score


def no_class(label, score):
    label[0, :8] = 77
    return label, score


def short(label, score):
    return label, score[:1]


@pytest.fixture(params=[nan, infinite, no_class, short], ids=lambda made: made.__name__)
def lying(request, monkeypatch):
    """Let the engine answer wrongly to some pictures; returns the number of engines opened."""
    infer, opened = OnnxRuntimeBackend.infer, []
    real = onnxruntime_backend._open_session

    def lie(backend, image):
        label, score = (answer.copy() for answer in infer(backend, image))
        return request.param(label, score) if image[0, 0, 0, 0] == BAD else (label, score)

    def count(*given):
        opened.append(given)
        return real(*given)

    monkeypatch.setattr(OnnxRuntimeBackend, 'infer', lie)
    monkeypatch.setattr(onnxruntime_backend, '_open_session', count)
    return opened


def pictures(picture):
    """Return a good picture and one that the engine lies about."""
    bad = picture.copy()
    bad[:8, :8] = BAD
    return picture, bad


def test_pixels_are_marked_and_the_node_goes_on(make_robot, picture, lying):
    robot = make_robot().start('label', 'open_set_mask', 'anomaly_score')
    good, bad = pictures(picture)
    for frame in (good, bad, good):
        robot.send(robot.image(frame))
    assert (robot.counts.processed, robot.node._statistics.marked) == (3, 1)
    assert len(lying) == 1, 'no new engine for that'
    first, label, last = (robot.pixels(message) for message in robot.received['label'])
    mask = robot.pixels(robot.received['open_set_mask'][1])
    score = robot.pixels(robot.received['anomaly_score'][1])
    np.testing.assert_array_equal(first, last)
    marked = label == 255
    assert marked[0, :8].all()
    assert (mask[marked] == 255).all()
    assert np.isnan(score[marked]).all()
    assert np.isfinite(score[~marked]).all()
    assert any('marked pixels of a frame of /image' in line for line in robot.log)
    reports = robot.received['diagnostics']
    robot.spin_until(lambda: any(
        report.status[1].level == WARN and 'cannot be right' in report.status[1].message
        for report in reports))
    values = {value.key: value.value for value in robot.status('inference').values}
    assert values['frames marked, bad answer of the engine'] == '1'


def test_the_frame_is_dropped_where_that_is_asked_for(make_robot, picture, lying):
    robot = make_robot(bad_answer='drop').start('label')
    good, bad = pictures(picture)
    robot.send(robot.image(good))
    robot.camera.publish(robot.stamped(robot.image(bad)))
    robot.spin_until(lambda: robot.counts.faulty == 1)
    robot.send(robot.image(good))
    assert (robot.counts.processed, robot.counts.under_way, len(lying)) == (2, 0, 1)
    assert len(robot.received['label']) == 2


def test_the_node_fails_where_that_is_asked_for_and_a_new_engine_is_no_better(
        make_robot, picture, lying):
    robot = make_robot(bad_answer='fail').start('label')
    robot.camera.publish(robot.stamped(robot.image(pictures(picture)[1])))
    robot.spin_until(lambda: robot.node.failed)
    assert (len(lying), robot.counts.forgotten, robot.counts.under_way) == (2, 1, 0)


def test_a_model_that_was_replaced_meanwhile_is_not_taken_when_the_engine_fails(
        make_robot, picture, tiny_model, monkeypatch):
    robot = make_robot().start('label')
    infer, failures = OnnxRuntimeBackend.infer, []

    def fail_once(backend, image):
        if not failures:
            failures.append(1)
            raise EngineError('the accelerator fell off')
        return infer(backend, image)

    onnx = tiny_model.with_name(json.loads(tiny_model.read_text())['file'])
    onnx.write_bytes(onnx.read_bytes() + b'\x00')
    monkeypatch.setattr(OnnxRuntimeBackend, 'infer', fail_once)
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(lambda: robot.node.failed)
    assert 'sha256' in robot.node.fault
    assert not robot.received['label']


def test_a_model_that_is_the_same_is_taken_again_when_the_engine_fails(
        make_robot, picture, monkeypatch):
    robot = make_robot().start('label')
    infer, failures = OnnxRuntimeBackend.infer, []

    def fail_once(backend, image):
        if not failures:
            failures.append(1)
            raise EngineError('the accelerator fell off')
        return infer(backend, image)

    monkeypatch.setattr(OnnxRuntimeBackend, 'infer', fail_once)
    robot.send(robot.image(picture))
    assert (robot.counts.processed, robot.node.failed) == (1, False)
