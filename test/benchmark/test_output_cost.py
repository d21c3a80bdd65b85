# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the outputs times every one of them, on a frame with objects."""

from __future__ import annotations

import cv2
import pytest

from benchmark.output_cost import measure
from benchmark.table import Settings
from hybrid_perception.scene import IMAGES


def test_every_output_is_timed_on_a_frame_with_objects():
    threads = cv2.getNumThreads()
    try:
        table, = measure(Settings(quick=True))
    finally:
        cv2.setNumThreads(threads)
    figures = {name: (float(ms), float(ratio)) for name, ms, ratio in table.rows}
    assert set(figures) == {output.topic for output in IMAGES} | {
        'overlay with boxes', 'objects', 'ids of the objects', 'drift', 'legend'}
    assert figures['open_set_mask'][1] == pytest.approx(1.0)
    assert all(ms >= 0 for ms, _ in figures.values())
    assert max(ms for ms, _ in figures.values()) > 0
    unknown, objects = (float(part.split()[-1]) for part in table.note.split(',')[1:3]
                        for part in (part.replace('% unknown', '').replace('objects', ''),))
    assert 0.5 < unknown < 20
    assert objects > 3
