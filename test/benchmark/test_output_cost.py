# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the outputs runs and times every one of them."""

from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

from hybrid_perception.scene import IMAGES

ROOT = Path(__file__).resolve().parents[2]


def test_every_output_is_timed_on_a_frame_with_objects():
    finished = subprocess.run(
        [sys.executable, ROOT / 'benchmark' / 'output_cost.py', '--size', '90', '160',
         '--rounds', '2'], cwd=ROOT, capture_output=True, text=True, check=False,
        env={'PYTHONPATH': str(ROOT)})
    assert finished.returncode == 0, finished.stderr
    document = json.loads(finished.stdout.splitlines()[-1])
    names = {output.topic for output in IMAGES} | {
        'overlay with boxes', 'objects', 'ids of the objects', 'drift', 'legend'}
    assert set(document['figures']) == names
    assert document['objects'] > 3
    assert 0.005 < document['unknown'] < 0.2
    assert document['figures']['open_set_mask']['ratio'] == 1.0
    assert all(figure['ms'] > 0 for figure in document['figures'].values())
