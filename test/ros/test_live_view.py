# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer subscribes to the running node and its camera, and gets whole frames."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

import cv2
from free_ports import free_ports
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


@pytest.fixture
def live_page(tiny_model):
    """Start ``view --live`` as a process of its own; gives the address of its page."""
    pytest.importorskip('rerun', reason='rerun-sdk is not installed: the extra [view]')
    command = [sys.executable, '-m', 'hybrid_perception.cli.main', 'view', '--live', '--model',
               str(tiny_model), '--color-range', '-128', '128', '--no-browser', '--port',
               str(free_ports())]
    with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


PATIENCE = 200.0
"""Seconds for a colour to appear; a processor paints every pixel."""


def painted(path, color):
    """Count the pixels of a screenshot that have a colour, up to the loss of JPEG."""
    picture = cv2.imread(str(path))[..., ::-1].astype(np.int16)
    return int((np.abs(picture - color).max(axis=2) <= 6).sum())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_browser_follows_the_running_node(make_robot, live_page, browser, tmp_path):
    robot = make_robot()
    robot.start()
    browser.resize(900, 600)
    browser.open(f'{live_page}&renderer=webgl')
    screenshot = tmp_path / 'live.png'
    # Colours of neither the viewer nor the legend; each is dull enough to be known.
    for color in ((150, 60, 90), (40, 120, 140)):
        assert not screenshot.exists() or painted(screenshot, color) < 100
        rgb = np.full((32, 64, 3), color, np.uint8)
        begin, seen = time.monotonic(), 0
        while seen < 2000 and time.monotonic() - begin < PATIENCE:
            for _ in range(10):
                robot.camera.publish(robot.stamped(robot.image(rgb)))
                robot.spin(0.2)
            browser.screenshot(screenshot)
            seen = painted(screenshot, color)
        assert seen >= 2000, f'{color} never came into the camera view'
    browser.resize(1400, 1200)
