# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What must not be pasted as unknown, because it is, or looks like, a known class."""

from __future__ import annotations

from hybrid_training.data.class_list import CLASS_LISTS, ClassList

STREET_CATEGORIES = frozenset({
    'person', 'bicycle', 'car', 'motorcycle', 'bus', 'train', 'truck', 'traffic light',
    'stop sign', 'potted plant'})
"""COCO's names for what stands in streets; potted plants are vegetation."""

STREET_ADE_IDS = frozenset({
    0,  # other: may be anything
    1, 2, 3, 5, 7, 10, 12, 13, 14,  # wall building sky tree road grass sidewalk person earth
    18, 21, 26, 30, 33, 39, 44, 49,  # plant car house field fence railing signboard skyscraper
    53, 55, 73, 81, 84, 88, 92, 94,  # path runway palm bus truck streetlight dirt-track pole
    95, 103, 117, 128, 137,  # land van minibike bicycle traffic-light
})
"""Ids of ADE20K's 150 classes that are, or look like, classes of streets; 0 is unlabelled."""


def leaking_categories(classes: ClassList) -> frozenset[str]:
    """Return the categories that are left out by default: the known classes themselves.

    For the street lists that the package names, also what looks like their classes.
    """
    known = frozenset(name.lower() for name in classes.names)
    return known | STREET_CATEGORIES if classes in CLASS_LISTS.values() else known


def leaking_ade_ids(classes: ClassList) -> frozenset[int]:
    """Return the ADE20K ids left out by default; of a list of one's own only 0 is known to."""
    return STREET_ADE_IDS if classes in CLASS_LISTS.values() else frozenset({0})
