# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Anomaly sets measured from score maps and models, reports and the submission form."""

from __future__ import annotations

from html import unescape
import json
import shutil

import cv2
import h5py
import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import average_precision, fpr_at_tpr
from hybrid_training.cli.main import main
from hybrid_training.data.anomaly_sets import open_anomaly_folder
from hybrid_training.evaluation.anomaly_measures import measure_anomalies
from hybrid_training.evaluation.gallery import gallery
from hybrid_training.evaluation.report_table import markdown_report, percent
from hybrid_training.evaluation.score_maps import ScoreMapFolder, read_score_map
from hybrid_training.evaluation.set_argument import open_anomaly_sets
from hybrid_training.evaluation.submission import write_submission


@pytest.fixture
def images(toy_data):
    return open_anomaly_folder(toy_data / 'anomalies')


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


def test_a_report_that_cannot_be_written_is_told_before_measuring(
        maps, toy_data, tmp_path, capsys):
    (tmp_path / 'taken').touch()
    for option, place in (('--report', 'taken'), ('--output', 'taken/figures.json')):
        assert main(['evaluate', str(maps), '--anomaly', str(toy_data / 'anomalies'),
                     option, str(tmp_path / place)]) == 1
        said = capsys.readouterr()
        assert str(tmp_path / 'taken') in said.err
        assert not said.out


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


def test_a_set_without_anomalies_is_told_and_the_others_are_measured(
        maps, toy_data, tmp_path, capsys):
    empty = tmp_path / 'calm'
    for folder in ('images', 'masks'):
        (empty / folder).mkdir(parents=True)
    cv2.imwrite(str(empty / 'images/0.png'), np.zeros((64, 128, 3), np.uint8))
    cv2.imwrite(str(empty / 'masks/0.png'), np.zeros((64, 128), np.uint8))
    report = tmp_path / 'report'
    assert main(['evaluate', str(maps), '--anomaly', str(empty), '--anomaly',
                 str(toy_data / 'anomalies'), '--components', 'none',
                 '--report', str(report)]) == 0
    reason = 'no anomaly pixel in any of its 1 images'
    assert f'not measurable: {reason}' in capsys.readouterr().out
    found = json.loads((report / 'report.json').read_text())['sets']
    assert found['calm'] == {
        'images': 1, 'scores': {}, 'not_measurable': reason,
        'protocol': found['anomalies']['protocol']}
    assert 0 < found['anomalies']['scores']['mine']['ap'] < 1
    for page in ('report.md', 'report.html'):
        assert f'Not measurable: {reason}.' in (report / page).read_text()


def test_components_that_are_all_too_small_are_told(images, tmp_path):
    small = Small(images)
    for index, name in enumerate(images.names):
        np.save(tmp_path / f'{name}.npy', small.label(index).astype(np.float32))
    measured = measure_anomalies(
        ScoreMapFolder(tmp_path), small, 'toy', components='anomaly_track')
    figures = measured.figures()
    found = figures['scores'][tmp_path.name]
    assert 'components of at least 100 pixels' in found['components_not_measurable']
    assert 'components' not in found
    assert found['ap'] == 1
    text = markdown_report({'model': 'x', 'sets': {'toy': figures}})
    assert 'Components not measurable: there is neither a true nor a detected' in text


class Small:
    """A set whose anomalies are 3x3 pixels."""

    def __init__(self, pairs):
        self.pairs, self.root, self.size, self.names = pairs, pairs.root, None, pairs.names

    def __len__(self):
        return len(self.pairs)

    def image(self, index):
        return self.pairs.image(index)

    def label(self, index):
        label = np.zeros_like(self.pairs.label(index))
        label[50:53, 30:33] = 1
        return label


def test_the_report_declares_its_conventions(maps, toy_data, tmp_path):
    assert main(['evaluate', str(maps), '--anomaly', str(toy_data / 'anomalies'),
                 '--report', str(tmp_path)]) == 0
    declared = json.loads((tmp_path / 'report.json').read_text())['conventions']
    assert {'averaging', 'ignore', 'resize', 'threshold_side', 'ap', 'auroc', 'fpr95',
            'cross_fold', 'intervals'} <= set(declared)
    for page in ('report.md', 'report.html'):
        text = unescape((tmp_path / page).read_text())
        assert all(convention in text for convention in declared.values())


def test_folders_of_one_name_are_told_apart(toy_data, tmp_path, maps, capsys):
    for place in ('a', 'b'):
        shutil.copytree(toy_data / 'anomalies', tmp_path / place / 'val')
    first, second = (str(tmp_path / place / 'val') for place in ('a', 'b'))
    assert [one.name for one in open_anomaly_sets([first, second])] == ['a/val', 'b/val']
    named = open_anomaly_sets([first, f'anomaly-folder={first}', f'anomaly-folder={second}'])
    assert [one.name for one in named] == ['val', 'anomaly-folder=a/val', 'anomaly-folder=b/val']
    with pytest.raises(ValueError, match=r'val of .*/a/val stands 2 times'):
        open_anomaly_sets([first, str(tmp_path / 'b/../a/val')])
    # score maps are looked for by the folder's name: those of the one must not serve the other
    assert main(['evaluate', str(maps), '--anomaly', first, '--anomaly', second]) == 1
    told = capsys.readouterr().err
    assert f'{first} and {second} share the name val' in told


@pytest.mark.parametrize('broken', ['images/1.png', 'masks/1.png'])
def test_an_unreadable_picture_or_mask_is_one_error(maps, toy_data, tmp_path, capsys, broken):
    copy = shutil.copytree(toy_data / 'anomalies', tmp_path / 'anomalies')
    (copy / broken).write_bytes((copy / broken).read_bytes()[:60])
    # the gallery reads the pictures, so that a report needs them even of score maps
    assert main(['evaluate', str(maps), '--anomaly', str(copy),
                 '--report', str(tmp_path / 'report')]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in lines if 'error:' in line]) == 1
    assert str(copy / broken) in lines[-1]


def test_a_figure_that_does_not_exist_is_a_dash():
    assert percent(float('nan')) == '–'
    assert percent(0.5) == '50.00'
