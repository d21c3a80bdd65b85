# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import re

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='the panels show what the recorder, a ROS node, kept')

from hybrid_perception.labels import ClassMap
from page import render_page
from panels import Panel, choose_best, make_panels
from recorder import Answer

CLASSES = ClassMap(('road', 'sky'), ((1, 2, 3), (4, 5, 6)), 2, 'unknown', (255, 0, 255))


@pytest.fixture
def clip(tmp_path):
    for name in ('images', 'labels'):
        (tmp_path / name).mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / f'images/{index:06d}.png'), np.full((20, 40, 3), 50, np.uint8))
        label = np.zeros((20, 40), np.uint8)
        label[:index * 5] = 2
        cv2.imwrite(str(tmp_path / f'labels/{index:06d}.png'), label)
    (tmp_path / 'clip.json').write_text('{"fps": 10}')
    return tmp_path


def answer(overlay=True):
    jpeg = cv2.imencode('.jpg', np.full((20, 40, 3), 90, np.uint8))[1].tobytes()
    score = np.linspace(-5, 5, 800, dtype=np.float32).reshape(20, 40)
    return Answer(0.1, np.zeros((20, 40), np.uint8), score, jpeg if overlay else b'')


def test_panels_show_what_was_kept(clip):
    answers = {0: answer(), 1: answer(overlay=False), 2: answer()}
    panels = make_panels(answers, [0, 1, 2], str(clip), CLASSES)
    assert [panel.index for panel in panels] == [0, 2]
    # The ground truth of frame 2: ten rows of the unknown's colour (BGR here), ten of road.
    assert panels[1].truth[0, 0].tolist() == [255, 0, 255]
    assert panels[1].truth[19, 0].tolist() == [3, 2, 1]
    assert int(panels[1].camera.mean()) == 50
    assert choose_best(panels, clip / 'labels', CLASSES.unknown_id).index == 2


def test_panel_lays_out_two_columns(clip):
    panel = make_panels({0: answer()}, [0], str(clip), CLASSES)[0]
    assert panel.compose(40).shape == (40, 80, 3)
    without = Panel(0, None, panel.overlay, panel.score, None)
    assert without.compose(40).shape == (20, 80, 3)


def test_page_stands_alone_and_escapes_names(clip):
    panels = make_panels({0: answer(), 2: answer()}, [0, 2], str(clip), CLASSES)
    page = render_page(
        source='<clip>', model='m & n', rows=[('frames sent', '3 < 4')],
        classes=[('road', (1, 2, 3)), ('unknown', (255, 0, 255))], panels=panels)
    assert '<clip>' not in page
    assert '&lt;clip&gt;' in page
    assert 'm &amp; n' in page
    assert '3 &lt; 4' in page
    assert 'background:rgb(255, 0, 255)' in page
    assert not re.search(r'(src|href)="?https?:', page)
    pictures = re.search(r'pictures = \[(.*?)\]', page).group(1).replace('"', '').split(',')
    assert len(pictures) == 2
    decoded = cv2.imdecode(
        np.frombuffer(base64.b64decode(pictures[0]), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (480, 960, 3)
    assert 'frames = [0,2]' in page
