# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From a drive to an operating point that replay (and the node) selects."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hybrid_perception.calibration.calibration_file import load_drift_reference
from hybrid_perception.manifest import hash_file, load_manifest

from .conftest import camera, compressed, pixels, read_bag, write_bag


def test_a_drive_gives_operating_points_that_replay_selects(
    tmp_path, tiny_model, run_tool, replay
):
    recording = write_bag(tmp_path / 'in', camera(range(60)))
    code, out, err = run_tool('calibrate', recording, '--name', 'mine', '--fpr', 0.1, 0.02)
    assert (code, err) == (0, '')
    path = tiny_model.with_name('tiny.mine.calibration.json')
    assert f'{path}: 60 frames' in out
    assert 'at most the rate asked for' in out
    written = json.loads(path.read_text(encoding='utf-8'))
    assert written['model_sha256'] == hash_file(tiny_model.with_suffix('.onnx'))
    assert written['source'] == {'file': 'in', 'topics': ['/cam/image_raw'], 'every': 1}
    assert list(written['operating_points']) == ['mine/fpr0.1', 'mine/fpr0.02']
    looks = written['drift']
    assert (looks['window'], looks['windows']) == (1, 60)
    assert looks['interval'] == pytest.approx(0.1)
    assert 'windows of 1 frames, 0.1 s apart, differ' in out
    assert f'drift.tolerance * {looks["limit"]:.3f}' in out
    reference = load_drift_reference(tiny_model, written['model_sha256'], 'mine')
    assert reference.limit == looks['limit']
    for rate in (0.1, 0.02):
        name = f'mine/fpr{rate:g}'
        masks = [pixels(message) for topic, _, message in read_bag(
            replay(recording, '--operating-point', name, output=f'{rate}.mcap'))
            if topic.endswith('mask')]
        share = np.mean([np.mean(mask == 255) for mask in masks])
        allowed = rate - (1 - rate) / 60
        assert share <= allowed
        np.testing.assert_allclose(share, written['operating_points'][name]['fpr'])
        assert share > allowed - 0.02
    assert load_manifest(tiny_model.parent).threshold() == 50.0


def test_every_takes_every_nth_frame_and_bad_ones_are_counted(tmp_path, tiny_model, run_tool):
    messages = camera(range(30), compressed)
    messages[6] = camera([6], compressed, damaged=True)[0]
    recording = write_bag(tmp_path / 'in', messages)
    code, out, err = run_tool('calibrate', recording, '--every', 3, '--fpr', 0.2)
    assert code == 0
    assert ': 9 frames' in out
    assert 'Too short, or too even, a drive to watch for drift: that needs 10 frames' in out
    assert '1 frame(s) could not be used; the first: frame 6 of' in err
    written = json.loads(tiny_model.with_name('tiny.in.calibration.json').read_text())
    assert (written['frames'], written['skipped']) == (9, 1)
    assert 'drift' not in written


def test_a_drive_too_short_for_the_rate_says_how_long_it_must_be(tmp_path, tiny_model, run_tool):
    recording = write_bag(tmp_path / 'in', camera(range(5)))
    code, _, err = run_tool('calibrate', recording, '--fpr', 0.01)
    assert code == 1
    assert '5 frames cannot guarantee a false positive rate of 0.01: it needs 99 frames' in err
    assert list(tiny_model.parent.glob('*.calibration.json')) == []


def test_wrong_arguments_are_named_before_the_drive_is_read(tmp_path, run_tool):
    recording = write_bag(tmp_path / 'in', camera(range(2)))
    for arguments, said in (
            (('--every', 0), '--every is 0'), (('--name', 'a b'), 'use letters, digits'),
            (('--fpr', 2), 'must lie between 0 and 1')):
        code, _, err = run_tool('calibrate', recording, *arguments)
        assert (code, said in err) == (1, True), err
