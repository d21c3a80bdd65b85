# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``view`` on the command line: what it takes, and what it says when something is missing."""

from __future__ import annotations

import json
from pathlib import Path
import re
import socket
import sys

import cv2
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')
pytest.importorskip('tqdm', reason='tqdm is not installed: the extra [replay]')

from hybrid_perception.cli.main import main

from ..replay.conftest import camera, picture, replay, run_tool, write_bag  # noqa: F401


@pytest.fixture
def view(capsys, tmp_path):
    """Make a function that writes a page, or fails to; gives (code, out, err)."""

    def run(*arguments, html=True):
        page = ('--html', tmp_path / 'page.html') if html else ()
        code = main(['view', *map(str, (*arguments, *page, '--no-browser'))])
        return code, *capsys.readouterr()

    return run


def page_data(path: Path):
    text = path.read_text(encoding='utf-8')
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))


def one_line(err: str) -> str:
    assert err.startswith('hybrid-perception: error: ')
    assert err.count('\n') == 1
    return err


def test_a_bag_of_outputs(view, tmp_path, replay, tiny_model):  # noqa: F811
    bag = replay(write_bag(tmp_path / 'in', camera(range(9))))
    code, out, err = view(bag, '--model', tiny_model, '--frames', 4)
    assert code == 0
    assert out.startswith(f'{tmp_path / "page.html"}: 3 frames, ')
    assert '--with-input writes it' in err
    data = page_data(tmp_path / 'page.html')
    assert [frame['camera'] for frame in data['frames']] == [None] * 3
    assert data['title'] == 'out.mcap'


def test_a_folder_is_segmented_with_a_threshold_of_ones_own(view, tmp_path, tiny_model):
    (tmp_path / 'drive').mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / 'drive' / f'{number}.png'), picture(number))
    code, _, err = view(tmp_path / 'drive', '--model', tiny_model, '--threshold', -12.5,
                        '--threads', 1)
    assert (code, err) == (0, '')
    data = page_data(tmp_path / 'page.html')
    assert len(data['frames']) == 3
    assert all(frame['times']['processing_time_ms'] > 0 for frame in data['frames'])
    assert [point['name'] for point in data['points']] == ['chosen', 'middle', 'high']
    assert data['edges'][data['start']] == -12.5


def test_a_drive_needs_a_model(view, tmp_path, tiny_model):
    recording = write_bag(tmp_path / 'in', camera(range(2)))
    code, _, err = view(recording)
    assert code == 1
    assert 'it has /cam/image_raw (sensor_msgs/msg/Image)' in one_line(err)
    assert 'add --model' in err
    assert view(recording, '--model', tiny_model, '--threads', 1)[0] == 0
    (tmp_path / 'drive').mkdir()
    code, _, err = view(tmp_path / 'drive')
    assert code == 1
    assert 'add --model MODEL to segment it now' in one_line(err)


def test_a_label_of_another_model_is_said(view, tmp_path, replay, make_tiny_model):  # noqa: F811
    bag = replay(write_bag(tmp_path / 'in', camera(range(2))))
    other = make_tiny_model(
        name='other', classes=[{'id': 0, 'name': 'only', 'color': [1, 2, 3]}],
        unknown={'id': 1, 'name': 'unknown', 'color': [9, 9, 9]})
    code, _, err = view(bag, '--model', other)
    assert code == 1
    assert 'class id 2, the model has 0..0; name the model' in one_line(err)


@pytest.mark.parametrize(('arguments', 'said'), [
    (('none.mcap',), 'none.mcap does not exist'),
    ((), 'either INPUT or --live'),
    (('x', '--live'), 'either INPUT or --live'),
    (('--live',), '--html shows a recording'),
    (('x', '--frames', '1'), '--frames is 1'),
    (('x', '--width', '1'), '--width is 1'),
    (('x', '--port', '65535'), '--port is 65535'),
    (('x', '--threshold', 'nan'), 'must be a finite number'),
    (('x', '--overlay-alpha', '2'), 'want 0..1'),
    (('x', '--color-range', '1', '0'), 'want VMIN < VMAX'),
    (('x', '--operating-point', 'none'), "operating point 'none' is not in"),
])
def test_bad_arguments_are_one_clear_line(view, tiny_model, arguments, said):
    code, _, err = view(*arguments, '--model', tiny_model)
    assert code == 1
    assert said in one_line(err)


def test_without_rerun_the_command_that_installs_it(
        view, tmp_path, replay, tiny_model, monkeypatch):  # noqa: F811
    bag = replay(write_bag(tmp_path / 'in', camera(range(2))))
    monkeypatch.setitem(sys.modules, 'rerun', None)
    code, _, err = view(bag, '--model', tiny_model, html=False)
    assert code == 1
    assert "pip install 'rerun-sdk>=0.41,<0.42'" in one_line(err)
    assert '--html' in err


def test_a_port_in_use_is_named(view, tmp_path, replay, tiny_model):  # noqa: F811
    pytest.importorskip('rerun', reason='rerun-sdk is not installed: the extra [view]')
    bag = replay(write_bag(tmp_path / 'in', camera(range(2))))
    with socket.socket() as taken:
        taken.bind(('0.0.0.0', 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = view(bag, '--model', tiny_model, '--port', port, html=False)
    assert code == 1
    assert f'port {port} cannot be used' in one_line(err)


def test_live_needs_ros(view, tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, 'hybrid_perception.ros.live_view', None)
    code, _, err = view('--live', '--model', tiny_model, html=False)
    assert code == 1
    assert '--live needs ROS 2' in one_line(err)
