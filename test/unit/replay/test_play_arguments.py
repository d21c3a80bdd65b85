# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The arguments of `hybrid-perception play`; playing itself is tested with ROS."""

from __future__ import annotations

import sys

import pytest

from .conftest import camera, write_bag


@pytest.mark.parametrize(('arguments', 'said'), [
    (('--rate', 0), 'the rate is 0.0; it must be above 0'),
    (('--rate', 'nan'), 'the rate is nan'),
    (('--laps', 0), '--laps is 0; it must be 1 or more'),
    (('--start', -1), '--start is -1.0; it must be 0 or more'),
    (('--clock', -5), '--clock is -5.0'),
    (('--topic', '/none'), 'has no topic /none; it has /cam/image_raw'),
    (('--fps', 5), 'is a bag and has stamps of its own'),
])
def test_wrong_arguments_are_named(tmp_path, run_tool, arguments, said):
    recording = write_bag(tmp_path / 'in', camera([0]))
    code, _, err = run_tool('play', recording, *arguments, model=None)
    assert (code, said in err) == (1, True), err


def test_without_ros_it_says_what_is_missing(tmp_path, run_tool, monkeypatch):
    recording = write_bag(tmp_path / 'in', camera([0]))
    # Not the package above them: a second one of its name would stay behind and confuse others.
    for name in [name for name in sys.modules if name.startswith('hybrid_perception.ros.')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'rclpy', None)
    code, _, err = run_tool('play', recording, model=None)
    assert code == 1
    assert 'playing needs ROS 2' in err


def test_looping_and_counting_laps_exclude_each_other(tmp_path, run_tool):
    with pytest.raises(SystemExit) as ending:
        run_tool('play', tmp_path, '--loop', '--laps', 2, model=None)
    assert ending.value.code == 2
