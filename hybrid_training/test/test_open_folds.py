# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Open-mIoU by folds, and StreetHazards as its authors measure it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch

from hybrid_training.checkpoint import Checkpoint, save_checkpoint
from hybrid_training.cli.main import main
from hybrid_training.data.class_list import STREETHAZARDS
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.own_sets import open_folder
from hybrid_training.evaluation.open_folds import cross_fold_open_miou
from hybrid_training.evaluation.predictors import Prediction
from hybrid_training.evaluation.report_table import markdown_report
from hybrid_training.evaluation.set_argument import open_class_sets


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
        folds[name] = open_folder(tmp_path / name, LabelCodes.as_stored())
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
