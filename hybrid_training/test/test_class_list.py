# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Class lists: the short and the long form, colours, and the codes of label files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid_training.config import TrainingConfig, stored_classes, with_classes
from hybrid_training.data.class_list import CITYSCAPES, CLASS_LISTS, load_class_list
from hybrid_training.exceptions import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_names_alone_are_enough(tmp_path):
    classes = load_class_list(write(tmp_path / 'c.yaml', 'classes: [floor, wall, shelf]'))
    assert classes.names == ('floor', 'wall', 'shelf')
    assert len(set(classes.colors)) == 3
    codes = classes.codes()
    assert codes.table[[0, 1, 2, 255]].tolist() == [0, 1, 2, 255]
    assert np.flatnonzero(codes.allowed).tolist() == [0, 1, 2, 255]


def test_long_form_maps_file_values(tmp_path):
    classes = load_class_list(write(tmp_path / 'c.yaml', """
classes:
  - {name: floor, id: 7, color: [1, 2, 3]}
  - {name: wall, ids: [3, 4]}
ignore: [0, 255]
"""))
    codes = classes.codes()
    label = np.array([[7, 3, 4, 0]], np.uint8)
    np.testing.assert_array_equal(codes.read(label, tmp_path), [[0, 1, 1, 255]])
    assert classes.colors[0] == (1, 2, 3)
    with pytest.raises(ValueError, match=r'x\.png: 2 pixels have the value 9; .* 0, 3-4, 7, 255'):
        codes.read(np.array([[7, 9, 9]], np.uint8), Path('x.png'))


@pytest.mark.parametrize(('text', 'words'), [
    ('classes: []', 'classes: '),
    ('classes: [a, a]', "class name 'a' stands twice"),
    ('classes: [{name: a, id: 1}, {name: b, id: 1}]', 'label value 1 stands twice'),
    ('classes: [{name: a, id: 300}]', r'classes\.0\.ids\.0: .*255'),
    ('classes: [{name: a, colour: red}]', r'colour: Extra inputs'),
    ('[1', 'not YAML'),
    ('road', r'want \{classes: \[road'),
])
def test_bad_list_is_named(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load_class_list(write(tmp_path / 'c.yaml', text))
    assert 'c.yaml' in str(caught.value)


def test_checkpoint_keeps_classes_by_value(tmp_path, toy_config):
    write(tmp_path / 'c.yaml', 'classes: [floor, wall]')
    config = TrainingConfig.model_validate({**toy_config, 'classes': '{data}/c.yaml'})
    resolved = with_classes(config, tmp_path)
    assert stored_classes(resolved.model_dump(mode='json')).names == ('floor', 'wall')
    with pytest.raises(ConfigError, match='no list of classes'):
        stored_classes(config.model_dump(mode='json'))


def test_old_checkpoints_mean_cityscapes(toy_config):
    assert stored_classes({'name': 'old'}) == CITYSCAPES
    config = TrainingConfig.model_validate(toy_config)
    assert with_classes(config, Path()) == config
    assert stored_classes(config.model_dump(mode='json')) == CITYSCAPES


def test_named_lists_have_the_published_sizes():
    assert {n: len(c) for n, c in CLASS_LISTS.items()} == {
        'cityscapes': 19, 'camvid': 11, 'streethazards': 12}
    streethazards = CLASS_LISTS['streethazards'].codes().table
    assert streethazards[1:15].tolist() == [0, 1, 2, 255, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]
