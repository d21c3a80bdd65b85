# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sets as the command line names them."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from hybrid_training.cli.main import main
from hybrid_training.data.class_list import CITYSCAPES, ClassList
from hybrid_training.evaluation.set_argument import open_anomaly_sets, open_class_sets


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


def test_a_folder_is_the_same_with_and_without_the_name_of_its_set(toy_data, tmp_path):
    nested = tmp_path / 'nested'
    for folder in ('images', 'masks'):
        shutil.copytree(toy_data / 'anomalies' / folder, nested / folder / 'town')
    alone, = open_anomaly_sets([str(nested)])
    named, = open_anomaly_sets([f'anomaly-folder={nested}'])
    assert alone.images.names == named.images.names == ('town/0', 'town/1')
    spoilt = nested / 'masks' / 'town' / '1.png'
    mask = cv2.imread(str(spoilt), cv2.IMREAD_UNCHANGED)
    mask[0, 0] = 77
    cv2.imwrite(str(spoilt), mask)
    for opened in (alone, named):
        with pytest.raises(ValueError, match=r'town/1\.png: 1 pixels have the value 77'):
            opened.images.label(1)


def test_pictures_that_would_be_left_out_are_an_error(toy_data, tmp_path):
    root = tmp_path / 'streets'
    shutil.copytree(toy_data / 'streets' / 'val', root)
    shutil.copy(root / 'images' / '0.jpg', root / 'images' / '0.png')
    with pytest.raises(ValueError, match=r'has the same name; one image per label'):
        open_class_sets([str(root)], None)
    (root / 'images' / '0.png').unlink()
    for folder in ('images', 'labels'):
        shutil.copytree(root / folder, tmp_path / folder)
        shutil.move(tmp_path / folder, root / folder / 'town')
    only, = open_class_sets([str(root)], None)
    assert only.images.names == ('0', '1', 'town/0', 'town/1'), 'at every depth'
