# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer of Rerun: served, shown by a real browser, and ended by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.request import urlopen

import cv2
from free_ports import free_ports
import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.frame import Stamp
from hybrid_perception.view.legend_picture import legend_picture
from hybrid_perception.view.rerun_viewer import RerunViewer, legend_text
from hybrid_perception.view.view_frame import ViewFrame

PATIENCE = 400.0
RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


@pytest.fixture
def started(tmp_path, seen, tiny_model):
    """Start ``view`` as a process of its own; gives it and the address of its page."""
    pytest.importorskip('rerun', reason='rerun-sdk is not installed: the extra [view]')
    command = [sys.executable, '-m', 'hybrid_perception.cli.main', 'view', seen, '--model',
               tiny_model, '--color-range', '-128', '128', '--no-browser', '--port',
               str(free_ports())]
    with subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, 'PYTHONUNBUFFERED': '1'}) as process:
        guard = threading.Timer(PATIENCE + 60, process.kill)
        guard.start()
        try:
            yield process, process.stdout.readline().strip()
        finally:
            guard.cancel()
            process.kill()


def test_the_page_is_served_and_ctrl_c_ends_it(started):
    process, address = started
    assert re.match(r'http://127\.0\.0\.1:\d+/\?url=rerun', address), process.stderr.read()
    with urlopen(address.partition('?')[0], timeout=60) as answer:
        assert b'<html' in answer.read().lower()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # Python ends as if by the signal where it came while a library ran exec() on text, as rosbags
    # does for each type that it reads first, although it is caught.
    assert process.returncode in (0, -signal.SIGINT), err
    assert 'Traceback' not in err


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_browser_shows_it(started, browser, tmp_path):
    browser.resize(900, 600)   # a processor paints every pixel
    browser.open(f'{started[1]}&renderer=webgl')
    wanted = {RED, GREEN, BLUE, (255, 0, 255)}   # the colours of the classes, in the legend
    found: set[tuple[int, ...]] = set()
    deadline = time.monotonic() + PATIENCE
    while not wanted <= found and time.monotonic() < deadline:
        time.sleep(3)
        browser.screenshot(tmp_path / 'rerun.png')
        picture = cv2.imread(str(tmp_path / 'rerun.png'))[..., ::-1].reshape(-1, 3)
        colors, counts = np.unique(picture, axis=0, return_counts=True)
        found = {tuple(map(int, color)) for color, count in zip(colors, counts, strict=True)
                 if count >= 30}
    browser.resize(1400, 1200)
    assert wanted <= found
    # The mask: white on black.
    assert {(0, 0, 0), (255, 255, 255)} <= found


def test_the_legend_shows_every_class_in_its_colour(legend):
    picture = legend_picture(legend, [(250, 120, 5), (252, 250, 160)])
    for color in (RED, GREEN, BLUE, (255, 0, 255), (250, 120, 5), (252, 250, 160)):
        assert (picture == color).all(axis=2).sum() > 500, color
    # The bar of the scale: from the colour of its first step to that of its last.
    bar = picture[10 + 30 + 5, 10:-10]
    last = legend.scale.edges.size
    assert np.array_equal(bar[0], legend.scale.palette[2])
    assert np.array_equal(bar[-1], legend.scale.palette[last])


def test_the_text_states_scale_and_points(legend):
    text = legend_text(legend)
    assert 'dark is -128 and below, bright 128 and above' in text
    assert '**middle**, 50.000: brightness (none)' in text
    assert '--html' in text


def test_frames_are_logged(legend, monkeypatch):
    rerun = pytest.importorskip('rerun', reason='rerun-sdk is not installed: the extra [view]')
    logged = {}
    real = rerun.RecordingStream.log
    monkeypatch.setattr(rerun.RecordingStream, 'log', lambda self, path, entity, **more: (
        logged.__setitem__(path, entity), real(self, path, entity, **more))[1])
    score = np.array([[np.nan, 0], [50, 101]], np.float32)
    label = np.array([[0, 1], [2, 2]], np.uint8)
    with RerunViewer(legend, port=free_ports(), memory='100MB', width=64, live=False,
                     timed=True) as viewer:
        viewer.log(ViewFrame(Stamp(1, 0), score, label, None, {'processing_time_ms': 4.5}))
    assert 'camera' not in logged

    def pixels(path):
        return np.frombuffer(bytes(logged[path].buffer.as_arrow_array()[0].as_py()), np.uint8)

    assert pixels('unknown').tolist() == [255, 0, 1, 1]
    assert pixels('levels').tolist() == [255, 0, 1, 2]
    assert pixels('picture/label').tolist() == [0, 1, 2, 2]
    boxes = logged['picture/objects']
    assert boxes.labels.as_arrow_array().to_pylist() == ['#1 75.5']
    centre, half = (part.as_arrow_array().to_pylist()
                    for part in (boxes.centers, boxes.half_sizes))
    assert (centre, half) == ([[1.0, 1.5]], [[1.0, 0.5]])   # both pixels of the lower row
    assert 'camera/objects' not in logged
    values = {path: entity.scalars.as_arrow_array().to_pylist() for path, entity in logged.items()
              if type(entity).__name__ == 'Scalars'}
    assert values['share/0'] == [50.0]
    assert values['share/1'] == [25.0]
    assert values['score/0'] == [50.0]   # the median of the finite scores
    assert values['times/processing_time_ms'] == [4.5]


def test_a_port_beyond_the_last_is_refused(legend):
    pytest.importorskip('rerun', reason='rerun-sdk is not installed: the extra [view]')
    with socket.socket() as taken:
        taken.bind(('0.0.0.0', 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ParameterError, match=f'port {port} cannot be used'):
            RerunViewer(legend, port=port - 1, memory='1MB', width=64, live=False, timed=False)
