# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The key changes with everything that an engine depends on, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hybrid_perception.backends.cuda import Gpu
from hybrid_perception.engine.key import EngineKey, engine_key

ORIN = Gpu(name='Orin', compute_capability='8.7', driver='12.6')


def make_key(manifest, gpu=ORIN, tensorrt='tensorrt 10.3.0', options=None):
    return engine_key(manifest, gpu, tensorrt=tensorrt, options=options or {'level': 3})


def test_the_same_parts_give_the_same_name(manifest):
    first, second = make_key(manifest), make_key(manifest)
    assert first.digest == second.digest
    assert first.stem == first.digest[:16]
    assert first.changes(second) == []
    reordered = EngineKey(dict(reversed(list(first.parts.items()))))
    assert reordered.digest == first.digest


@pytest.mark.parametrize(('change', 'words'), [
    (lambda m: make_key(replace(m, sha256='f' * 64)), 'onnx sha256'),
    (lambda m: make_key(replace(m, input_size=(64, 64))), 'shapes'),
    (lambda m: make_key(m, tensorrt='tensorrt 10.3.0.1'), 'tensorrt'),
    (lambda m: make_key(m, tensorrt='tensorrt_rtx 10.3.0'), 'tensorrt'),
    (lambda m: make_key(m, options={'level': 5}), 'options'),
    (lambda m: make_key(m, gpu=replace(ORIN, name='Thor')), 'gpu'),
    (lambda m: make_key(m, gpu=replace(ORIN, multiprocessors=8)), 'multiprocessors'),
    (lambda m: make_key(m, gpu=replace(ORIN, compute_capability='8.6')), 'compute capability'),
    (lambda m: make_key(m, gpu=replace(ORIN, driver='13.0')), 'cuda driver'),
])
def test_every_part_changes_the_name_and_is_told(manifest, change, words):
    base, changed = make_key(manifest), change(manifest)
    assert changed.stem != base.stem
    difference, = changed.changes(base)
    assert difference.startswith(f'{words} was {base.parts[words]}, is {changed.parts[words]}')


def test_operating_system_and_format_are_parts(manifest, monkeypatch):
    base = make_key(manifest)
    monkeypatch.setattr('platform.machine', lambda: 'aarch64-test')
    monkeypatch.setattr('hybrid_perception.engine.key.CACHE_FORMAT', 99)
    assert len(make_key(manifest).changes(base)) == 2


def test_a_name_or_a_threshold_is_no_part(manifest):
    assert make_key(replace(manifest, name='other', operating_points={})).digest == (
        make_key(manifest).digest)
