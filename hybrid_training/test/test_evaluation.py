# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Anomaly sets measured from score maps and models, folds, reports and the submission form."""

from __future__ import annotations

import json

import cv2
import h5py
import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import average_precision, fpr_at_tpr
from hybrid_training.cli.main import main
from hybrid_training.data.folder_pairs import FolderPairs
from hybrid_training.evaluation.anomaly_measures import measure_anomalies
from hybrid_training.evaluation.gallery import gallery
from hybrid_training.evaluation.open_folds import cross_fold_open_miou
from hybrid_training.evaluation.predictors import Prediction
from hybrid_training.evaluation.report_table import markdown_report, percent
from hybrid_training.evaluation.score_maps import ScoreMapFolder, read_score_map
from hybrid_training.evaluation.set_argument import open_anomaly_set
from hybrid_training.evaluation.submission import write_submission


@pytest.fixture
def images(toy_data):
    return FolderPairs(toy_data / 'anomalies', labels='masks')


@pytest.fixture
def maps(images, tmp_path):
    """Write score maps: anomalies 2 higher than the rest, under noise."""
    rng = np.random.default_rng(0)
    folder = tmp_path / 'mine'
    folder.mkdir()
    for index, name in enumerate(images.names):
        target = images.label(index)
        np.save(folder / f'{name}.npy', rng.normal(size=target.shape) + 2.0 * (target == 1))
    return folder


def pooled(maps, images):
    score = np.stack([np.load(maps / f'{name}.npy') for name in images.names]).astype(np.float32)
    return score, np.stack([images.label(i) for i in range(len(images))])


def test_score_maps_give_the_exact_figures(maps, images):
    measured = measure_anomalies(ScoreMapFolder(maps), images, 'toy', components='none')
    figures = measured.figures()['scores']['mine']
    score, target = pooled(maps, images)
    assert figures['ap'] == pytest.approx(average_precision(score, target), abs=1e-4)
    assert figures['fpr95'] == pytest.approx(fpr_at_tpr(score, target), abs=1e-4)
    assert max(figures['largest_error'].values()) < 2e-2   # only some 1000 anomaly pixels
    low, high = figures['interval95']['ap']
    assert low <= figures['ap'] + 2e-3
    assert high >= figures['ap'] - 2e-3
    assert figures['components']['num_targets'] == 2
    assert 0 < figures['components']['siou'] < 1
    json.dumps(figures)


def test_components_are_measured_at_the_best_f1(images, tmp_path):
    for index, name in enumerate(images.names):
        np.save(tmp_path / f'{name}.npy', (images.label(index) == 1).astype(np.float32))
    measured = measure_anomalies(ScoreMapFolder(tmp_path), images, 'toy', components='none')
    found = measured.scores[tmp_path.name].components
    assert (found.siou, found.ppv, found.mean_f1) == (1, 1, 1)


def test_every_form_of_score_map_reads_the_same(tmp_path):
    score = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    np.save(tmp_path / 'a.npy', score)
    np.savez(tmp_path / 'a.npz', score[None])
    cv2.imwrite(str(tmp_path / 'a.tif'), score)
    with h5py.File(tmp_path / 'a.hdf5', 'w') as file:
        file['value'] = score
    for suffix in ('npy', 'npz', 'tif', 'hdf5'):
        np.testing.assert_array_equal(read_score_map(tmp_path / f'a.{suffix}'), score)


@pytest.mark.parametrize(('name', 'write', 'words'), [
    ('a.npy', lambda p: np.save(p, np.zeros((3, 4, 5))), r'want one \(height, width\) array'),
    ('a.npy', lambda p: np.save(p, np.array([['x', 'y']])), 'array of numbers, got <U1'),
    ('a.npy', lambda p: p.write_bytes(b'garbage'), 'not a readable score map'),
    ('a.npz', lambda p: p.write_bytes(b'PK garbage'), 'not a readable score map'),
    ('a.npz', lambda p: np.savez(p, a=np.ones(1), b=np.ones(1)), 'want one array, got a, b'),
    ('a.tif', lambda p: p.write_bytes(b'garbage'), 'OpenCV cannot read it'),
    ('a.hdf5', lambda p: p.write_bytes(b'garbage'), 'not a readable score map'),
])
def test_unreadable_score_maps(tmp_path, name, write, words):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=words) as caught:
        read_score_map(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_score_maps_of_several_sets_and_missing_ones(maps, images, tmp_path):
    other = maps / 'another_set'
    other.mkdir()
    np.save(other / '0.npy', np.zeros((64, 128)))
    with pytest.raises(ValueError, match=r'want one score map for 0, as anomalies/0\.npy'):
        ScoreMapFolder(maps).scores(images, 0)
    (maps / 'anomalies').mkdir()
    (maps / '0.npy').rename(maps / 'anomalies/0.npy')
    assert ScoreMapFolder(maps).scores(images, 0)['mine'].max() > 0
    (maps / '1.npy').unlink()
    with pytest.raises(ValueError, match='found none'):
        ScoreMapFolder(maps).scores(images, 1)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='no score maps'):
        ScoreMapFolder(tmp_path / 'empty')


def test_transposed_and_nan_score_maps_are_refused(maps, images):
    score = np.load(maps / '0.npy')
    np.save(maps / '0.npy', score.T)
    with pytest.raises(ValueError, match='rows and columns are swapped'):
        measure_anomalies(ScoreMapFolder(maps), images, 'toy')
    score[10, 10] = np.nan
    np.save(maps / '0.npy', score)
    with pytest.raises(ParameterError, match='score is NaN'):
        measure_anomalies(ScoreMapFolder(maps), images, 'toy')


def test_gallery_shows_every_picture_once(maps, images):
    source = ScoreMapFolder(maps)
    best, worst = gallery(source, measure_anomalies(source, images, 'toy'), 'mine')
    assert {best[0].name, worst[0].name} == {'0', '1'}
    assert len(best) == len(worst) == 1
    assert best[0].ap >= worst[0].ap
    shown = cv2.imdecode(np.frombuffer(best[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (240, 960, 3)


def test_evaluate_writes_a_page_of_its_own(maps, toy_data, tmp_path, capsys):
    code = main(['evaluate', str(maps), '--anomaly', str(toy_data / 'anomalies'),
                 '--components', 'none', '--report', str(tmp_path / 'report')])
    assert code == 0
    assert 'F1*' in capsys.readouterr().out
    page = (tmp_path / 'report/report.html').read_text()
    assert page.count('<svg') == 2
    assert page.count('data:image/jpeg;base64,') == 2
    # it loads nothing from anywhere
    assert not [part for part in page.split('src="')[1:] if not part.startswith('data:')]
    assert '<link' not in page
    found = json.loads((tmp_path / 'report/report.json').read_text())
    ap = found['sets']['anomalies']['scores']['mine']['ap']
    assert f'| mine | {100 * ap:.2f} [' in (tmp_path / 'report/report.md').read_text()
    assert f'<td>{100 * ap:.2f} [' in page


def test_score_maps_have_no_labels(maps, toy_data, capsys):
    assert main(['evaluate', str(maps), '--closed', str(toy_data / 'streets/val')]) == 1
    assert 'only --anomaly can be measured' in capsys.readouterr().err


def test_names_from_data_are_escaped(maps, toy_data, tmp_path):
    strange = maps.rename(tmp_path / 'a<b>&c')
    assert main(['evaluate', str(strange), '--anomaly', str(toy_data / 'anomalies'),
                 '--report', str(tmp_path / 'report')]) == 0
    page = (tmp_path / 'report/report.html').read_text()
    assert 'a<b>&c' not in page
    assert 'a&lt;b&gt;&amp;c' in page


def test_submission_form(maps, images, toy_data, tmp_path):
    assert main(['evaluate', str(maps), '--anomaly', str(toy_data / 'anomalies'),
                 '--submission', str(tmp_path / 'out')]) == 0
    path = tmp_path / 'out/anomaly_p/mine/anomalies/0.hdf5'
    with h5py.File(path) as file:
        assert list(file) == ['value']
        assert file['value'].dtype == np.float16
        np.testing.assert_array_equal(file['value'][:], np.load(maps / '0.npy').astype(np.float16))
    # what was written is what the evaluator reads
    read = ScoreMapFolder(tmp_path / 'out/anomaly_p/mine').scores(images, 0)
    assert read['mine'].shape == (64, 128)


@pytest.mark.parametrize(('method', 'scale', 'words'), [
    ('../x', 1, 'becomes a folder'), ('mine', 1e6, 'not finite in float16')])
def test_submission_refuses(maps, images, tmp_path, method, scale, words):
    np.save(maps / '0.npy', scale * np.load(maps / '0.npy'))
    with pytest.raises(ValueError, match=words):
        write_submission(ScoreMapFolder(maps), images, tmp_path, method=method, dataset='x')


class Stored:
    """Answer with stored maps, picked by the pictures' only colour."""

    def __init__(self, labels, scores):
        self.labels, self.scores = labels, scores

    def __call__(self, rgb):
        number = int(rgb[0, 0, 0])
        return Prediction(self.labels[number], {'hybrid': self.scores[number]})


def test_folds_take_their_thresholds_from_each_other(tmp_path):
    target = np.array([[0, 0, 0, 1, 1, 1, 2, 2, 255]], np.uint8)   # K = 2, 2 = unknown
    score = np.array([[0, 1, 2, 3, 4, 5, 6, 7, 99]], np.float32)
    labels = [np.where(target == 1, 1, 0).astype(np.uint8)] * 3
    folds = {}
    for name, numbers in (('t5', [0]), ('t6', [1, 2])):
        for folder in ('images', 'labels'):
            (tmp_path / name / folder).mkdir(parents=True)
        for number in numbers:
            cv2.imwrite(str(tmp_path / name / f'images/{number}.png'),
                        np.full((1, 9, 3), number, np.uint8))
            cv2.imwrite(str(tmp_path / name / f'labels/{number}.png'), target)
        folds[name] = FolderPairs(tmp_path / name)
    # t6 scores 2 higher: t5's threshold rejects two known pixels there, t6's accepts all of t5
    predictor = Stored(labels, [score, score + 2, score + 2])
    found = cross_fold_open_miou(predictor, folds, 2)
    assert found['folds']['t5']['thresholds']['tpr95'] == 8
    assert found['folds']['t6']['thresholds']['tpr95'] == 6
    # t5, nothing rejected: both unknown pixels are taken for class 0 (3 hits of 5)
    assert found['folds']['t5']['open_miou']['tpr95'] == pytest.approx((3 / 5 + 1) / 2)
    # t6, two of the three pixels of class 1 rejected
    assert found['folds']['t6']['open_miou']['tpr95'] == pytest.approx((1 + 1 / 3) / 2)
    assert found['weighted_mean']['tpr95'] == pytest.approx((0.8 + 2 * (2 / 3)) / 3)
    assert 'mean by images' in markdown_report({'model': 'x', 'open_cross_fold': found})
    with pytest.raises(ValueError, match='at least two folds, got t5'):
        cross_fold_open_miou(predictor, {'t5': folds['t5']}, 2)


def test_sets_by_name(toy_data):
    name, images = open_anomaly_set(str(toy_data / 'anomalies'))
    assert (name, len(images)) == ('anomalies', 2)
    with pytest.raises(ValueError, match="'nonsense' is not a data set"):
        open_anomaly_set('nonsense=somewhere')
    with pytest.raises(ValueError, match='want one with anomaly masks'):
        open_anomaly_set('cityscapes=somewhere')


def test_a_figure_that_does_not_exist_is_a_dash():
    assert percent(float('nan')) == '–'
    assert percent(0.5) == '50.00'
