# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ClassMap: names, colours, and ids that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import ClassMap


def class_map(**changes) -> ClassMap:
    fields = {
        'names': ('road', 'car'), 'colors': ((1, 2, 3), (4, 5, 6)),
        'unknown_id': 2, 'unknown_name': 'unknown', 'unknown_color': (7, 8, 9), **changes,
    }
    return ClassMap(**fields)


def test_names_of_all_label_values():
    classes = class_map()
    assert [classes.name(i) for i in (0, 1, 2, 255)] == ['road', 'car', 'unknown', 'unlabeled']
    assert classes.num_classes == 2
    with pytest.raises(ParameterError, match='class id 3'):
        classes.name(3)


def test_palette_has_a_colour_for_every_byte():
    palette = class_map(unknown_id=200).palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert palette[[0, 1, 200, 255, 2]].tolist() == [
        [1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(('changes', 'message'), [
    ({'names': (), 'colors': ()}, '0 names'),
    ({'colors': ((1, 2, 3),)}, '1 colours'),
    ({'unknown_id': 1}, 'unknown id is 1'),
    ({'unknown_id': 255}, 'unknown id is 255'),
    ({'unknown_color': (0, 0, 256)}, '256'),
    ({'colors': ((1, 2, 3), (1, 2))}, r'\(1, 2\)'),
])
def test_impossible_maps_are_named(changes, message):
    with pytest.raises(ParameterError, match=message):
        class_map(**changes)
