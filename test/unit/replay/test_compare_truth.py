# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A bag against ground truth; the figures are computed by hand or by scikit-learn."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from hybrid_perception.compare.truth import open_truth
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.frame import Stamp

from .conftest import HEIGHT, PERIOD, WIDTH, camera, pixels, read_bag, write_bag

COUNT = 4


@pytest.fixture
def seen(tmp_path, replay):
    return replay(write_bag(tmp_path / 'in', camera(range(COUNT))), output='seen.mcap')


def stamp(number):
    return number * PERIOD + 1_000_000_123


def answers(bag, name):
    return [pixels(message) for topic, _, message in read_bag(bag) if topic.endswith('/' + name)]


def mask(number):
    """Put the unknown where the bright square is, less its left column; the top row is void."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    left = number * 3 % (WIDTH - 8)
    picture[4:12, left + 1:left + 8] = 1
    picture[0] = 255
    return picture


def write(folder, names, pictures):
    folder.mkdir(parents=True)
    for name, picture in zip(names, pictures, strict=True):
        assert cv2.imwrite(str(folder / f'{name}.png'), picture)
    return folder


def by_stamp(number):
    return f'{stamp(number) // 10**9}.{stamp(number) % 10**9:09d}'


def judge(run_tool, *arguments):
    code, out, err = run_tool('compare', *arguments, '--json', model=None)
    assert err == ''
    return code, json.loads(out)


@pytest.mark.parametrize('names', [
    [by_stamp(number) for number in range(COUNT)],
    [f'{10**9 * 10**9 + stamp(number)}' for number in range(COUNT)],
    ['mask_1', 'mask_2', 'mask_9', 'mask_10'],
])
def test_the_figures_are_those_of_scikit_learn(tmp_path, seen, run_tool, names):
    metrics = pytest.importorskip('sklearn.metrics', reason='scikit-learn is not installed')
    if names[0].startswith('1000000001'):   # nanoseconds of another epoch: nothing fits
        folder = write(tmp_path / 'truth', names, map(mask, range(COUNT)))
        code, _, err = run_tool('compare', seen, '--truth', folder, model=None)
        assert (code, 'are they of the same drive' in err) == (1, True)
        return
    folder = write(tmp_path / 'truth', names, map(mask, range(COUNT)))
    code, document = judge(run_tool, seen, '--truth', folder)
    scores, truth = (np.stack(answers(seen, 'anomaly_score')),
                     np.stack([mask(number) for number in range(COUNT)]))
    counted = truth != 255
    expected = metrics.average_precision_score(truth[counted], scores[counted])
    fpr, tpr, _ = metrics.roc_curve(truth[counted], scores[counted], drop_intermediate=False)
    assert (code, document['frames'], document['missing']) == (0, COUNT, [])
    assert set(document['figures']) == {'average_precision', 'fpr95'}
    assert document['figures']['average_precision'] == pytest.approx(expected, abs=2e-4)
    assert document['figures']['fpr95'] == pytest.approx(
        fpr[np.argmax(tpr >= 0.95)], abs=2e-4)


def test_class_ids_give_miou_and_open_miou(tmp_path, seen, run_tool):
    # The truth is what the model said, but for one class that it never got right.
    labels = [label.copy() for label in answers(seen, 'open_set_label')]
    for label in labels:
        label[label == 2] = 1
    folder = write(tmp_path / 'truth', [by_stamp(n) for n in range(COUNT)], labels)
    code, document = judge(run_tool, seen, '--truth', folder, '--unknown', 3)
    said = np.stack(answers(seen, 'open_set_label'))
    truth = np.stack(labels)

    def miou(given, counted):
        values = []
        for number in range(3):
            one, other = (given == number) & counted, (truth == number) & counted
            if (one | other).any():
                values.append((one & other).sum() / (one | other).sum())
        return np.mean(values)

    assert code == 0
    assert document['figures']['open_miou'] == pytest.approx(miou(said, truth <= 3))
    closed = np.stack(answers(seen, 'label'))
    assert document['figures']['miou'] == pytest.approx(miou(closed, truth < 3))
    assert document['figures']['average_precision'] == pytest.approx(1.0)


def test_the_worst_frame_is_named_and_shown(tmp_path, seen, run_tool):
    masks = [answer // 255 for answer in answers(seen, 'open_set_mask')]
    masks[2][:] = 1 - masks[2]
    folder = write(tmp_path / 'truth', [by_stamp(n) for n in range(COUNT)], masks)
    page = tmp_path / 'page.html'
    code, out, _ = run_tool('compare', seen, '--truth', folder, '--html', page, model=None)
    worst = [line for line in out.splitlines() if line.startswith('worst')]
    assert code == 0
    assert len(worst) == 1   # the others have no wrong pixel
    share = 100 * np.count_nonzero(masks[2]) / masks[2].size
    assert f'{by_stamp(2)}.png at {by_stamp(2)}: missed {share:.3f} %, false alarms ' in worst[0]
    shown = page.read_text(encoding='utf-8')
    assert shown.count('<h3>') == 1
    assert shown.count('data:image/png') == 5   # mask: truth, node, errors; score: truth, node


def test_limits_decide_the_exit_code(tmp_path, seen, run_tool):
    folder = write(tmp_path / 'truth', [by_stamp(n) for n in range(COUNT)],
                   map(mask, range(COUNT)))
    limits = tmp_path / 'limits.json'
    given = ('compare', seen, '--truth', folder, '--tolerances', limits)
    limits.write_text('{"min_average_precision": 0.5, "max_fpr95": 0.5}')
    code, out, _ = run_tool(*given, model=None)
    assert (code, out.endswith('within the tolerances\n')) == (0, True)
    limits.write_text('{"min_average_precision": 0.9999}')
    code, out, _ = run_tool(*given, model=None)
    assert (code, 'OUTSIDE   average_precision is 0.' in out) == (1, True)
    limits.write_text('{"min_miou": 0.1}')
    code, out, _ = run_tool(*given, model=None)
    assert (code, 'miou is asked for, but the bag or the truth does not give it' in out) == (
        1, True)
    limits.write_text('{"min_label_agreement": 1}')
    code, _, err = run_tool(*given, model=None)
    assert (code, 'of some of max_missing_frames, min_average_precision' in err) == (1, True)


def test_missing_frames_are_outside_and_frames_without_truth_are_not(tmp_path, seen, run_tool):
    names = [by_stamp(0), by_stamp(1), '77.000000000']
    folder = write(tmp_path / 'truth', names, map(mask, range(3)))
    code, document = judge(run_tool, seen, '--truth', folder)
    assert (code, document['frames'], document['without_truth']) == (1, 2, COUNT - 2)
    assert document['missing'] == ['77.000000000.png']
    assert document['violations'] == ['missing_frames is 1, above 0']


def test_where_the_node_says_nothing_nothing_is_judged(tmp_path, replay, run_tool):
    recording = write_bag(tmp_path / 'in', camera(range(COUNT)))
    seen = replay(recording, '--roi', 0, 0, WIDTH, 16)
    pictures = [mask(number) for number in range(COUNT)]
    for picture in pictures:
        picture[16:] = 1
    folder = write(tmp_path / 'truth', [by_stamp(n) for n in range(COUNT)], pictures)
    _, document = judge(run_tool, seen, '--truth', folder)
    assert document['figures']['average_precision'] > 0.5   # else half of the unknown were missed


def test_a_clip_names_stamps_and_the_unknown(tmp_path, replay, run_tool):
    clip = tmp_path / 'clip'
    write(clip / 'images', ['0', '1'], [np.full((HEIGHT, WIDTH, 3), 9, np.uint8)] * 2)
    write(clip / 'labels', ['0', '1'], [np.zeros((HEIGHT, WIDTH), np.uint8)] * 2)
    (clip / 'clip.json').write_text(json.dumps(
        {'fps': 4, 'unknown_id': 3, 'frames': [{'stamp': 0.0}, {'stamp': 0.25}]}))
    code, document = judge(run_tool, replay(clip), '--truth', clip)
    assert (code, document['frames'], document['missing']) == (0, 2, [])
    assert set(document['figures']) == {'open_miou', 'miou'}   # no unknown pixel: no ranking
    assert open_truth(clip).stamps == (Stamp(0, 0), Stamp(0, 250_000_000))


@pytest.mark.parametrize(('pictures', 'arguments', 'said'), [
    ([np.full((HEIGHT, WIDTH), 7, np.uint8)] * COUNT, (), 'Name the id of the unknown'),
    ([np.full((HEIGHT, WIDTH), 7, np.uint8)] * COUNT, ('--unknown', 3), 'class ids are 0..3'),
    ([np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * COUNT, (), 'is no grey 8-bit picture'),
    ([np.zeros((HEIGHT + 1, WIDTH), np.uint8)] * COUNT, (), 'replay with --output-size source'),
    ([np.zeros((HEIGHT, WIDTH), np.uint8)] * 3, (), 'where not every frame has one'),
    ([], (), 'holds no ground truth'),
    ([np.zeros((HEIGHT, WIDTH), np.uint8)] * COUNT, ('--unknown', 2), "2 the model's"),
    ([np.zeros((HEIGHT, WIDTH), np.uint8)] * COUNT, ('--unknown', 0), 'it must be 1..254'),
])
def test_truth_that_cannot_be_used_is_named(
        tmp_path, seen, run_tool, pictures, arguments, said):
    folder = write(tmp_path / 'truth', [f'p{n}' for n in range(len(pictures))], pictures)
    code, _, err = run_tool('compare', seen, '--truth', folder, *arguments, model=None)
    assert (code, said in err) == (1, True), err


def test_a_clip_whose_note_does_not_fit_is_named(tmp_path):
    clip = tmp_path / 'clip'
    write(clip / 'labels', ['0'], [np.zeros((HEIGHT, WIDTH), np.uint8)])
    (clip / 'clip.json').write_text('{"frames": []}')
    with pytest.raises(ParameterError, match=r'names 0 frames, and .* has 1 pictures'):
        open_truth(clip)
    (clip / 'clip.json').write_text('{"frames": [1]}')
    with pytest.raises(ParameterError, match='does not name frames with stamps'):
        open_truth(clip)


@pytest.mark.parametrize('arguments', [('a',), ('a', 'b', '--truth', 'c'),
                                       ('a', 'b', '--unknown', 3)])
def test_wrong_usage_ends_with_2(run_tool, arguments):
    with pytest.raises(SystemExit) as ending:
        run_tool('compare', *arguments, model=None)
    assert ending.value.code == 2
