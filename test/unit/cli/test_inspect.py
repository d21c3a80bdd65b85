# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-perception` from its arguments to its exit code."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from hybrid_perception.cli.main import main


def test_text_shows_what_matters(tiny_model, capsys):
    assert main(['inspect', str(tiny_model), '--threads', '1']) == 0
    shown = capsys.readouterr().out
    for part in ('tiny (fp32)', '(matches)', 'input       image uint8 1x32x64x3', '3 unknown',
                 '* middle              50.0000        -   1.00 %', 'high'):
        assert part in shown


def test_json_is_json(tiny_model, capsys):
    assert main(['inspect', str(tiny_model), '--json', '--threads', '1']) == 0
    report = json.loads(capsys.readouterr().out)
    assert report['operating_points']['high'] == {
        'threshold': 100.5, 'target': 'brightness', 'data': 'none', 'tpr': None, 'fpr': None}
    assert report['tensors'][0]['shape'] == [1, 32, 64, 3]
    assert report['classes'] == ['red', 'green', 'blue']


def test_variants_are_shown_and_chosen(make_tiny_model, capsys):
    make_tiny_model(name='tiny.fp16', precision='fp16')
    path = make_tiny_model(variants={'fp16': 'tiny.fp16.json'})
    assert main(['inspect', str(path.parent), '--threads', '1']) == 0
    assert f'variant     fp16: {path.with_name("tiny.fp16.json")}' in capsys.readouterr().out
    assert main(['inspect', str(path.parent), '--precision', 'fp16', '--threads', '1']) == 0
    assert 'tiny.fp16 (fp16)' in capsys.readouterr().out
    assert main(['inspect', str(path), '--precision', 'int8', '--threads', '1']) == 1
    assert "precision is 'int8'" in capsys.readouterr().err


def test_an_image_becomes_pictures(tiny_model, tmp_path, capsys):
    rgb = np.full((64, 128, 3), 230, np.uint8)
    rgb[:, :64] = (90, 10, 10)
    image, output = tmp_path / 'street.png', tmp_path / 'seen'
    cv2.imwrite(str(image), rgb[..., ::-1])
    arguments = ['inspect', str(tiny_model), '--image', str(image), '--output', str(output)]
    assert main([*arguments, '--json', '--operating-point', 'high', '--threads', '1']) == 0
    report = json.loads(capsys.readouterr().out)['image']
    assert report['threshold'] == 100.5
    # The score is interpolated across the edge, so one column may fall below the threshold.
    assert 63 / 128 <= report['unknown_share'] <= 0.5
    assert report['class_shares']['red'] == 1.0
    label = cv2.imread(str(output / 'open_set_label.png'), cv2.IMREAD_UNCHANGED)
    assert label.shape == (64, 128)
    assert (label[:, :64] == 0).all()
    assert (label[:, 65:] == 3).all()
    assert (cv2.imread(str(output / 'label.png'), cv2.IMREAD_UNCHANGED) == 0).all()
    for name in ('overlay.png', 'anomaly_score.png'):
        assert cv2.imread(str(output / name)).shape == (64, 128, 3)
    assert main(arguments) == 0
    assert '% of the pixels (score >= 50.0000)' in capsys.readouterr().out


@pytest.mark.parametrize(('extra', 'message'), [
    (['--operating-point', 'low'], "operating point 'low'"),
    (['--backend', 'tensorrt'], "backend 'tensorrt' cannot run here: no NVIDIA driver"),
    (['--threads', '0'], 'threads is 0'),
    (['--image', 'nowhere.png', '--output', 'x'], 'nowhere.png cannot be read'),
    (['--image', __file__, '--output', 'x'], 'is damaged or of a format that cannot be read'),
])
def test_failures_are_one_line_and_exit_code_1(tiny_model, capsys, extra, message):
    assert main(['inspect', str(tiny_model), *extra]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith('hybrid-perception: error: ')
    assert message in errors[0]


def test_a_missing_model_is_one_line(capsys, tmp_path):
    assert main(['inspect', str(tmp_path / 'nowhere')]) == 1
    assert 'nowhere does not exist' in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_line(tiny_model, tmp_path, capsys):
    image = tmp_path / 'street.png'
    cv2.imwrite(str(image), np.zeros((8, 8, 3), np.uint8))
    arguments = ['inspect', str(tiny_model), '--image', str(image), '--output', str(image)]
    assert main(arguments) == 1
    assert 'cannot be written' in capsys.readouterr().err


@pytest.mark.parametrize('arguments', [
    [], ['inspect'], ['fly'], ['inspect', 'model', '--image', 'x'],
    ['inspect', 'model', '--nonsense']])
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize('arguments', [['--help'], ['inspect', '--help']])
def test_help_has_an_example(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert 'Example: hybrid-perception inspect' in capsys.readouterr().out
