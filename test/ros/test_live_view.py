# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer subscribes to the running node and its camera, and gets whole frames."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.manifest import load_manifest
from hybrid_perception.ros import live_view
from hybrid_perception.ros.live_view import LiveView


@pytest.fixture
def classes(tiny_model):
    return load_manifest(tiny_model).class_map


def collect(live, wanted):
    """Read frames in a thread until three fulfil `wanted`, or until told to end."""
    found, ended = [], threading.Event()

    def read():
        for frame in live.frames():
            if wanted(frame):
                found.append(frame)
            if len(found) >= 3 or ended.is_set():
                break

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return found, thread, ended


def test_frames_of_the_node_with_its_camera(make_robot, classes):
    robot = make_robot()
    robot.start()
    with LiveView(classes, node='/perception') as live:
        found, thread, ended = collect(
            live, lambda frame: frame.camera is not None and frame.times)
        number = 0
        while thread.is_alive() and number < 1200:
            number += 1
            rgb = np.full((32, 64, 3), number % 250, np.uint8)
            robot.camera.publish(robot.stamped(robot.image(rgb)))
            robot.spin(0.05)
        ended.set()
        thread.join(10)
    assert len(found) == 3
    for frame in found:
        value = frame.camera[0, 0, 0]
        assert (frame.camera == value).all()
        # The tiny model's score is the mean of the channels less 127.5: camera and score are
        # of one frame.
        assert frame.score == pytest.approx(float(value) - 127.5)
        assert (frame.label == 0).all()
        assert frame.times['processing_time_ms'] > 0


def test_silence_is_told(classes, caplog, monkeypatch):
    monkeypatch.setattr(live_view, '_PATIENCE', 0.3)
    with LiveView(classes, node='/front/nobody') as live:
        thread = threading.Thread(target=lambda: next(live.frames(), None), daemon=True)
        with caplog.at_level(logging.WARNING):
            thread.start()
            thread.join(3)
        assert 'nothing comes from /front/nobody; nodes here:' in caplog.text
        live._context.try_shutdown()
        thread.join(10)
    assert not thread.is_alive()


def test_a_bad_name_is_refused(classes):
    with pytest.raises(ParameterError, match='cannot subscribe to /no such node'):
        LiveView(classes, node='/no such node')
