# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measures over whole sets, with predictors whose answers are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hybrid_training.data.anomaly_sets import open_anomaly_folder
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.label_ids import lookup_from_json
from hybrid_training.data.own_sets import open_folder
from hybrid_training.evaluation.measures import closed_miou, open_mious, pool_scores
from hybrid_training.evaluation.predictors import Prediction


class Oracle:
    """Answers from the pictures' colours: magenta is strange, the rest is known."""

    def __call__(self, rgb):
        rgb = rgb.astype(int)
        strange = (rgb[..., 0] > 180) & (rgb[..., 1] < 100)
        label = np.where(rgb[..., 2] > 160, 10, np.where(rgb[..., 0] > 98, 2, 0))
        return Prediction(label.astype(np.uint8), {
            'hybrid': strange.astype(np.float32), 'none': np.zeros(strange.shape, np.float32)})


def test_oracle_ranks_perfectly_and_a_constant_does_not(toy_data):
    found = pool_scores(Oracle(), open_anomaly_folder(toy_data / 'anomalies')).measures()
    assert found['hybrid'].ap == found['hybrid'].auroc == 1
    assert found['hybrid'].fpr95 == 0
    share = 16 * 40 / (60 * 128)  # anomalies among the pixels that are not void
    assert found['none'].ap == pytest.approx(share)
    assert found['none'].auroc == 0.5
    assert found['none'].fpr95 == 1


def test_closed_miou_of_the_oracle(toy_data):
    pairs = open_folder(toy_data / 'streets/val', LabelCodes.from_table(
        lookup_from_json(toy_data / 'streets/labels.json')))
    miou, iou = closed_miou(Oracle(), pairs, 19)
    assert miou > 0.9
    assert np.isnan(iou[1])
    limited, _ = closed_miou(Oracle(), pairs, 19, limit=1)
    assert limited > 0.9


def test_open_miou_of_the_worked_example(tmp_path):
    # DenseHybrid open-mIoU by hand: K = 3, unknown 3, void; threshold 0.5
    target = np.array([[0, 0, 0, 0, 1], [0, 0, 1, 1, 1], [2, 2, 3, 3, 1], [2, 2, 3, 3, 255]])
    label = np.array([[0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [2, 2, 2, 1, 1], [2, 0, 2, 1, 0]])
    score = np.array([[-2, -2, -1, .6, -1], [-2, .9, -1, -2, -1], [-3, -2, 2, 1, -1],
                      [.7, -2, .2, .5, 5]])
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / 'images/0.png'), np.zeros((4, 5, 3), np.uint8))
    cv2.imwrite(str(tmp_path / 'labels/0.png'), target.astype(np.uint8))

    def predictor(_rgb):
        return Prediction(label.astype(np.uint8), {'hybrid': score.astype(np.float32)})

    found = open_mious(predictor, open_folder(tmp_path, LabelCodes.as_stored()), 3, {
        'above half': np.nextafter(np.float32(0.5), np.float32(1)), 'half': 0.5,
        'never': float('inf')})
    assert found['above half'] == pytest.approx(0.6015873)  # the facts' strict > 0.5
    # with >= the anomaly that scores 0.5 exactly is rejected too and spares class 1 its only miss
    assert found['half'] == pytest.approx(np.mean([4 / 7, 1, 2 / 5]))
    assert found['never'] == pytest.approx(0.6130952)


def test_labels_of_other_classes_are_refused(toy_data):
    # ids 7, 11, 23 as they are
    pairs = open_folder(toy_data / 'streets/val', LabelCodes.as_stored())
    for measure in (lambda: closed_miou(Oracle(), pairs, 19),
                    lambda: open_mious(Oracle(), pairs, 19, {'never': float('inf')})):
        with pytest.raises(ValueError, match=r'val: 0: the label 23 is none of the 19 classes'):
            measure()


def test_inliers_from_class_labels(toy_data):
    pairs = open_folder(toy_data / 'streets/val', LabelCodes.from_table(
        lookup_from_json(toy_data / 'streets/labels.json')))
    pooled = pool_scores(Oracle(), pairs, inlier_below=19)
    assert pooled.anomaly.sum() == 0
    assert pooled.anomaly.size == 2 * 96 * 96
