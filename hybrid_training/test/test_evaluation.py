# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Anomaly sets measured from score maps and models, folds, reports and the submission form."""

from __future__ import annotations

from html import unescape
import json
import shutil

import cv2
import h5py
import numpy as np
import pytest
import torch

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.metrics import average_precision, fpr_at_tpr
from hybrid_training.checkpoint import Checkpoint, save_checkpoint
from hybrid_training.cli.main import main
from hybrid_training.data.class_list import CITYSCAPES, STREETHAZARDS, ClassList
from hybrid_training.data.folder_pairs import FolderPairs
from hybrid_training.evaluation.anomaly_measures import measure_anomalies
from hybrid_training.evaluation.gallery import gallery
from hybrid_training.evaluation.open_folds import cross_fold_open_miou
from hybrid_training.evaluation.predictors import Prediction
from hybrid_training.evaluation.report_table import markdown_report, percent
from hybrid_training.evaluation.score_maps import ScoreMapFolder, read_score_map
from hybrid_training.evaluation.set_argument import open_anomaly_sets, open_class_sets
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


def streethazards(root, scores):
    """Write test towns of 4 pixels an image, raw ids, and their score maps."""
    for name, (label, score) in scores.items():
        for kind, values in (('images', np.zeros((1, 4, 3))), ('annotations', label)):
            path = root / f'data/test/{kind}/test/{name}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.reshape(values, (1, 4, -1)).astype(np.uint8))
        path = root / f'maps/{name}.npy'
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.array([score], np.float32))


def test_streethazards_is_averaged_over_images_as_its_authors_do(tmp_path, capsys):
    # AP by hand: 1 and (1/2 + 2/3) / 2; the third image has no anomaly, raw id 4 is void
    streethazards(tmp_path, {
        't5/1': ([8, 8, 14, 4], [0, 1, 9, 99]), 't5/2': ([8, 14, 14, 4], [3, 2, 1, 99]),
        't6/1': ([8, 8, 8, 2], [50, 60, 70, 80])})
    assert main(['evaluate', str(tmp_path / 'maps'), '--anomaly',
                 f'streethazards-test={tmp_path / "data"}',
                 '--report', str(tmp_path / 'report')]) == 0
    found = json.loads((tmp_path / 'report/report.json').read_text())
    figures = found['sets']['streethazards-test:test']
    assert figures['protocol']['per_image'] is True
    assert figures['protocol']['fpr95_rule'] == 'streethazards'
    score = figures['scores']['maps']
    assert score['images_counted'] == 2
    assert score['ap'] == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)
    assert score['auroc'] == pytest.approx((1 + 0) / 2)
    assert score['fpr95'] == pytest.approx((0 + 1) / 2)
    # pooled, the high known scores of the third image come before every anomaly
    assert score['pooled']['ap'] < 0.5 < score['ap']
    text = (tmp_path / 'report/report.md').read_text()
    assert 'means over the 2 images that hold anomalies' in text
    assert '| maps | ' + f'{100 * score["pooled"]["ap"]:.2f}' in text


def test_streethazards_towns_are_folds_of_their_own(tmp_path):
    streethazards(tmp_path, {'t5/1': ([8, 8, 14, 4], [0, 1, 9, 99]),
                             't6/1': ([8, 14, 14, 4], [3, 2, 1, 99])})
    names = STREETHAZARDS.names
    folds = open_class_sets(
        [f'streethazards-open={tmp_path / "data"}'], None, names, folds=True)
    assert [fold.name for fold in folds] == ['streethazards-open:t5', 'streethazards-open:t6']
    assert folds[0].images.label(0).ravel().tolist() == [6, 6, 12, 255]   # K = 12
    found = cross_fold_open_miou(
        Stored([np.full((1, 4), 6, np.uint8)], [np.array([[0, 1, 9, 99]], np.float32)]),
        {fold.name: fold.images for fold in folds}, len(names))
    assert set(found['folds']) == {'streethazards-open:t5', 'streethazards-open:t6'}
    alone = open_class_sets(
        [f'streethazards-open:t6={tmp_path / "data"}'], None, names, folds=True)
    assert [fold.name for fold in alone] == ['streethazards-open:t6']


@pytest.fixture
def towns(tmp_path):
    """Write StreetHazards' test towns, two images in t5 and one in t6: road, anomaly, other."""
    rng = np.random.default_rng(3)
    for name in ('t5/1', 't5/2', 't6/1'):
        label = np.full((64, 64), 8, np.uint8)
        label[20:30, 20:40] = 14
        label[:5] = 4
        image = rng.integers(0, 255, (64, 64, 3))
        for kind, values in (('images', image), ('annotations', label)):
            path = tmp_path / f'streethazards/test/{kind}/test/{name}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), values.astype(np.uint8))
    return tmp_path / 'streethazards'


def test_open_miou_per_town_from_the_command_line(
        towns, tmp_path, tiny_net, toy_config, monkeypatch, capsys):
    monkeypatch.setattr('hybrid_training.evaluation.loading.build_network',
                        lambda _, k, **__: tiny_net(k))
    torch.manual_seed(0)
    model = tmp_path / 'towns.pt'
    save_checkpoint(model, Checkpoint(
        1, tiny_net(12).state_dict(), None, {**toy_config, 'classes': 'streethazards'}))
    call = ['evaluate', str(model), '--size', '64x64', '--anomaly', f'streethazards-test={towns}',
            '--report', str(tmp_path / 'report'), '--open']
    assert main([*call, f'streethazards-open={towns}']) == 0
    assert 'at tpr95 of the other folds' in capsys.readouterr().out
    found = json.loads((tmp_path / 'report/report.json').read_text())
    folds = found['open_cross_fold']['folds']
    assert {name: fold['images'] for name, fold in folds.items()} == {
        'streethazards-open:t5': 2, 'streethazards-open:t6': 1}
    mean = found['open_cross_fold']['weighted_mean']['tpr95']
    t5, t6 = (fold['open_miou']['tpr95'] for fold in folds.values())
    assert mean == pytest.approx((2 * t5 + t6) / 3)
    assert found['sets']['streethazards-test:test']['scores']['hybrid']['images_counted'] == 3

    assert main([*call, f'streethazards-open:t5={towns}']) == 0
    found = json.loads((tmp_path / 'report/report.json').read_text())
    assert found['open_set'] == 'streethazards-open:t5'
    assert set(found['open']) == {'no rejection'} | {
        f'{point}_streethazards-test:test' for point in ('tpr95', 'fpr05', 'best_f1')}
    # other classes than the set has are refused before anything is measured
    assert main([*call, f'cityscapes:val={towns}']) == 1
    assert 'its labels come in the classes of cityscapes' in capsys.readouterr().err


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


def test_sets_by_name(toy_data):
    first, = open_anomaly_sets([str(toy_data / 'anomalies')])
    assert (first.name, len(first.images)) == ('anomalies', 2)
    with pytest.raises(ValueError, match="'nonsense' is not a data set"):
        open_anomaly_sets(['nonsense=somewhere'])
    with pytest.raises(ValueError, match='want one with anomaly masks'):
        open_anomaly_sets(['cityscapes=somewhere'])
    with pytest.raises(ValueError, match='want one with class labels'):
        open_class_sets(['road-anomaly21=somewhere'], CITYSCAPES, CITYSCAPES.names)


def test_class_sets_come_in_the_classes_of_the_model(toy_data, tmp_path):
    for folder in ('images', 'labels'):
        (tmp_path / f'val/{folder}').mkdir(parents=True)
    cv2.imwrite(str(tmp_path / 'val/images/0.png'), np.zeros((1, 3, 3), np.uint8))
    cv2.imwrite(str(tmp_path / 'val/labels/0.png'), np.array([[7, 24, 0]], np.uint8))
    argument = f'cityscapes640={tmp_path}'
    for classes in (CITYSCAPES, None):   # of a checkpoint, and of an exported model
        found, = open_class_sets([argument], classes, CITYSCAPES.names)
        assert found.name == 'cityscapes640:val'
        assert found.images.label(0).ravel().tolist() == [0, 11, 255]
    with pytest.raises(ValueError, match='cannot be had in the classes of this model'):
        open_class_sets([argument], None, ('floor', 'wall'))
    with pytest.raises(ValueError, match='has no split'):
        open_class_sets([f'cityscapes640:test={tmp_path}'], CITYSCAPES, CITYSCAPES.names)
    with pytest.raises(ValueError, match='a lookup is for a folder of your own'):
        open_class_sets([argument], CITYSCAPES, CITYSCAPES.names,
                        lookup=toy_data / 'streets/labels.json')
    own = ClassList(classes=({'name': 'floor', 'id': 24}, {'name': 'wall', 'id': 7}), ignore=(0,))
    found, = open_class_sets([f'folder={tmp_path / "val"}'], own, own.names)
    assert found.images.label(0).ravel().tolist() == [1, 0, 255]
    assert found.name == 'folder:all'
    for number in range(1, 5):
        for folder in ('images', 'labels'):
            shutil.copy(tmp_path / f'val/{folder}/0.png', tmp_path / f'val/{folder}/{number}.png')
    held_out, = open_class_sets([f'folder:val={tmp_path / "val"}'], own, own.names)
    assert (held_out.name, held_out.images.names) == ('folder:val', ('4',))
    with pytest.raises(ValueError, match='give the folder alone and --lookup'):
        open_class_sets([f'folder={tmp_path / "val"}'], None, own.names)


def test_masks_that_come_alone_find_their_images(tmp_path, capsys):
    base = '04_Maurener_Weg_8_000000_000030'
    image = tmp_path / f'laf/leftImg8bit/test/04_Maurener_Weg_8/{base}_leftImg8bit.png'
    for path, values in ((image, np.zeros((2, 3, 3))),
                         (tmp_path / f'masks/0000_{base}_labels.png', [[0, 0, 1], [0, 255, 1]]),
                         ):
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.array(values, np.uint8))
    (tmp_path / 'maps').mkdir()
    np.save(tmp_path / f'maps/0000_{base}.npy', np.array([[0, 1, 2], [3, 9, 4]], np.float32))
    call = ['evaluate', str(tmp_path / 'maps'), '--anomaly',
            f'fishyscapes-lost-and-found={tmp_path / "masks"}']
    assert main(call) == 1
    assert 'give the folder of Lost and Found with --images' in capsys.readouterr().err
    for images in (f'{tmp_path / "laf"}', f'fishyscapes-lost-and-found={tmp_path / "laf"}'):
        assert main([*call, '--images', images]) == 0
        assert 'AP  83.33' in capsys.readouterr().out   # (1 + 2/3) / 2


def test_a_figure_that_does_not_exist_is_a_dash():
    assert percent(float('nan')) == '–'
    assert percent(0.5) == '50.00'
