# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Mapillary Vistas 1.2 in the 19 classes of Cityscapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.label_ids import CITYSCAPES_CLASSES

# Ours: by Cityscapes' definitions of its classes. Everything not named here is void, among it
# what may be an anomaly on the road (animals, bins, potholes, other vehicles).
_CITYSCAPES_OF = {
    'construction--flat--road': 'road',
    'construction--flat--crosswalk-plain': 'road',
    'construction--flat--service-lane': 'road',
    'construction--flat--bike-lane': 'road',
    'marking--crosswalk-zebra': 'road',
    'marking--general': 'road',
    'object--manhole': 'road',
    'construction--flat--sidewalk': 'sidewalk',
    'construction--flat--pedestrian-area': 'sidewalk',
    'construction--flat--curb-cut': 'sidewalk',
    'construction--barrier--curb': 'sidewalk',
    'construction--structure--building': 'building',
    'construction--barrier--wall': 'wall',
    'construction--barrier--fence': 'fence',
    'object--support--pole': 'pole',
    'object--support--utility-pole': 'pole',
    'object--street-light': 'pole',
    'object--traffic-light': 'traffic light',
    'object--traffic-sign--front': 'traffic sign',
    'nature--vegetation': 'vegetation',
    'nature--terrain': 'terrain',
    'nature--sand': 'terrain',
    'nature--sky': 'sky',
    'human--person': 'person',
    'human--rider--bicyclist': 'rider',
    'human--rider--motorcyclist': 'rider',
    'human--rider--other-rider': 'rider',
    'object--vehicle--car': 'car',
    'object--vehicle--truck': 'truck',
    'object--vehicle--bus': 'bus',
    'object--vehicle--on-rails': 'train',
    'object--vehicle--motorcycle': 'motorcycle',
    'object--vehicle--bicycle': 'bicycle',
}


def mapillary_codes(names: Sequence[str], config: Path) -> LabelCodes:
    """Build the code from the names of the label values 0.. in the set's `config.json`.

    Raises:
        ValueError: names of version 1.2 are missing, as they are in version 2.0.
    """
    missing = sorted(set(_CITYSCAPES_OF) - set(names))
    if missing:
        msg = (f'{config}: no label {missing[0]!r} (nor {len(missing) - 1} others); want the '
               'labels and the configuration of version 1.2')
        raise ValueError(msg)
    ids = {name: i for i, name in enumerate(CITYSCAPES_CLASSES)}
    meaning = {value: ids[_CITYSCAPES_OF[name]]
               for value, name in enumerate(names) if name in _CITYSCAPES_OF}
    return LabelCodes.build(meaning, void=set(range(len(names))) - set(meaning))
