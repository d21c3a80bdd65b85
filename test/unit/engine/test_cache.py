# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Engines on disk: found whole or not at all, with a warning that says why not."""

from __future__ import annotations

from dataclasses import replace
import json

import pytest

from hybrid_perception.engine.cache import EngineCache
from hybrid_perception.engine.key import EngineKey
from hybrid_perception.exceptions import EngineError

PLAN = b'a plan' * 100


def test_what_is_stored_is_found(cache, key, make_sidecar):
    assert cache.find('tiny', key) is None
    path = cache.store(make_sidecar(PLAN), PLAN)
    found = cache.find('tiny', key)
    assert (found.path, found.plan, found.sidecar) == (path, PLAN, make_sidecar(PLAN))
    assert path.stat().st_mode & 0o077 == 0
    document = json.loads(path.with_suffix('.json').read_text())
    assert document['key']['parts']['tensorrt'] == 'tensorrt 10.3.0'
    assert document['parity'] == {'passed': True}


@pytest.mark.parametrize(('spoil', 'words'), [
    (lambda path: path.write_bytes(PLAN[:-1]), 'is damaged'),
    (lambda path: path.write_bytes(b''), 'is damaged'),
    (lambda path: path.unlink(), 'cannot be read'),
    (lambda path: path.with_suffix('.json').unlink(), 'no readable sidecar'),
    (lambda path: path.with_suffix('.json').write_text('{"model": 1}'), 'no readable sidecar'),
    (lambda path: path.with_suffix('.json').write_text('[' * 9), 'no readable sidecar'),
])
def test_a_damaged_engine_is_not_used_and_the_log_says_why(
        cache, key, make_sidecar, caplog, spoil, words):
    path = cache.store(make_sidecar(PLAN), PLAN)
    spoil(path)
    assert cache.find('tiny', key) is None
    assert words in caplog.text
    assert str(path) in caplog.text


def test_an_engine_renamed_to_pass_for_another_is_not_used(cache, key, make_sidecar, caplog):
    path = cache.store(make_sidecar(PLAN), PLAN)
    other = EngineKey({**key.parts, 'gpu': 'Thor'})
    for suffix in ('.engine', '.json'):
        path.with_suffix(suffix).rename(path.with_name(other.stem + suffix))
    assert cache.find('tiny', other) is None
    assert 'is another engine (gpu was Orin, is Thor)' in caplog.text


def test_a_miss_says_what_changed_since_the_nearest_build(cache, key, make_sidecar, caplog):
    cache.store(make_sidecar(PLAN), PLAN)
    far = EngineKey({**key.parts, 'gpu': 'Thor', 'tensorrt': 'tensorrt 11.4.0'})
    cache.store(make_sidecar(PLAN, key=far, built_at='2026-11-24'), PLAN)
    assert cache.find('tiny', EngineKey({**key.parts, 'cuda driver': '13.0'})) is None
    assert 'no engine of model tiny fits: cuda driver was 12.6, is 13.0' in caplog.text
    assert 'Thor' not in caplog.text


def test_a_refused_engine_is_remembered_without_its_plan(cache, key, make_sidecar):
    path = cache.store(make_sidecar(b'', plan_sha256='', parity={'passed': False}), b'')
    assert not path.exists()
    found = cache.find('tiny', key)
    assert found.sidecar.refused
    assert found.plan == b''


def test_a_cache_that_others_may_write_to_is_not_read(cache, key, make_sidecar):
    path = cache.store(make_sidecar(PLAN), PLAN)
    path.parent.chmod(0o777)
    with pytest.raises(EngineError, match='written to by others'):
        cache.find('tiny', key)


def test_list_and_clear(cache, key, make_sidecar):
    cache.store(make_sidecar(PLAN, model='one'), PLAN)
    cache.store(make_sidecar(PLAN, model='two/..', built_at='2025-01-01'), PLAN)
    cache.store_timings(key, b'timings')
    assert [engine.sidecar.model for engine in cache.engines()] == ['two/..', 'one']
    assert cache.clear('one') > len(PLAN)
    assert [engine.sidecar.model for engine in cache.engines()] == ['two/..']
    assert cache.read_timings(key) == b'timings'
    cache.clear()
    assert cache.engines() == []
    assert cache.read_timings(key) == b''
    assert cache.clear() == 0


def test_an_empty_or_missing_cache_lists_nothing(tmp_path):
    assert EngineCache(tmp_path / 'nowhere').engines() == []


def test_models_share_the_timings_of_one_gpu_and_version(cache, key):
    cache.store_timings(key, b'x')
    assert cache.read_timings(EngineKey({**key.parts, 'onnx sha256': '0', 'shapes': ''})) == b'x'
    for part in ('tensorrt', 'gpu', 'compute capability', 'cuda driver', 'platform'):
        assert cache.read_timings(EngineKey({**key.parts, part: 'new'})) == b'', part


def test_names_of_models_cannot_leave_the_cache(cache, key, make_sidecar):
    for name in ('../../etc', '/etc', '..', 'a b', 'timing'):
        path = cache.store(replace(make_sidecar(PLAN), model=name), PLAN)
        assert path.resolve().is_relative_to(cache.directory.resolve())
        assert path.parent.parent == cache.directory
        assert path.parent.name != 'timing'
