# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From model to proven engine: cached, built, damaged, foreign, refused, raced for."""

from __future__ import annotations

from dataclasses import replace
import json
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from tensorrt_stand_in import World

from hybrid_perception.engine.builder import BuildStoppedError
from hybrid_perception.engine.provider import EngineProvider
from hybrid_perception.engine.settings import EngineSettings
from hybrid_perception.exceptions import EngineError, ModelError


@pytest.fixture
def world():
    return World()


@pytest.fixture
def make_provider(manifest, tmp_path, world):
    def make(world=world, manifest=manifest, **settings):
        settings = {'cache_dir': str(tmp_path / 'cache'), **settings}
        return EngineProvider(manifest, world.accelerator(), EngineSettings(**settings))

    return make


def test_the_first_start_builds_and_proves_the_second_loads(make_provider, world):
    told = []
    first = make_provider(report=told.append).open()
    assert told[0] == 'building the TensorRT engine, 0 %'
    assert told[-2:] == ['building the TensorRT engine, 100 %',
                         'comparing the TensorRT engine with the CPU']
    assert 'built in' in first.detail
    second = make_provider(report=told.append).open()
    assert world.calls.count('build') == 1
    assert len(told) == 6, 'nothing is told of a start without a build'
    for part in ('tensorrt 10.3.0', 'Orin (compute capability 8.7)', 'fp32', 'cached'):
        assert part in second.detail
    image = np.full((1, 32, 64, 3), 9, np.uint8)
    np.testing.assert_array_equal(first.infer(image)[1], second.infer(image)[1])


def test_the_sidecar_tells_all_in_clear(make_provider):
    provider = make_provider()
    provider.open()
    document = json.loads(provider.path.with_suffix('.json').read_text())
    assert document['key']['parts']['gpu'] == 'Orin'
    assert document['parity']['passed'] is True
    assert document['plan_bytes'] == provider.path.stat().st_size
    assert set(document['tools']) == {'hybrid_perception', 'python'}
    assert provider.cache.read_timings(provider.key) == b'timings'


def test_another_version_builds_anew_and_says_so(make_provider, world, caplog):
    make_provider().open()
    newer = World(version='11.4.0')
    make_provider(newer).open()
    assert newer.calls.count('build') == 1
    assert 'tensorrt was tensorrt 10.3.0, is tensorrt 11.4.0' in caplog.text
    make_provider().open()
    assert world.calls.count('build') == 1, 'both engines are kept'


def test_a_damaged_plan_is_built_anew(make_provider, world, caplog):
    provider = make_provider()
    provider.open()
    provider.path.write_bytes(provider.path.read_bytes()[:-1])
    provider.open()
    assert 'is damaged' in caplog.text
    make_provider().open()
    assert world.calls.count('build') == 2


def test_a_plan_that_fits_but_does_not_load_is_built_anew(make_provider, world, caplog):
    make_provider().open()
    provider = make_provider()
    trt = provider._accelerator.library.trt
    loads, refusals = trt.Runtime, ['on the first look', 'on the look under the lock']

    def runtime(logger):
        """Refuse, as a patched library of the same version number may."""
        if refusals:
            refusals.pop()
            return SimpleNamespace(deserialize_cuda_engine=lambda plan: None)
        return loads(logger)

    trt.Runtime = runtime
    provider.open()
    assert world.calls.count('build') == 2
    assert 'fits but cannot be used' in caplog.text


def test_an_engine_that_differs_is_not_used_and_not_built_again(make_provider, world):
    world.score_offset = 0.1
    with pytest.raises(EngineError, match=r'differs from the CPU and is not used.*--rebuild'):
        make_provider().open()
    with pytest.raises(EngineError, match=r'built at .* differs from the CPU'):
        make_provider().open()
    assert world.calls.count('build') == 1
    assert world.contexts == 0
    assert not make_provider().path.exists()
    world.score_offset = 0.0
    make_provider(rebuild=True).open()
    make_provider().open()
    assert world.calls.count('build') == 2


def test_a_given_file_is_used_only_after_the_same_proof(make_provider, world, tmp_path):
    provider = make_provider()
    provider.open()
    shipped = tmp_path / 'shipped.engine'
    shipped.write_bytes(provider.path.read_bytes())
    backend = make_provider(engine_path=str(shipped)).open()
    assert f'file {shipped}' in backend.detail
    assert world.calls.count('build') == 1
    del backend
    world.score_offset = 1.0
    with pytest.raises(EngineError, match=r'engine_path: the engine .*shipped.engine differs'):
        make_provider(engine_path=str(shipped)).open()
    with pytest.raises(EngineError, match=r'engine_path: .*nowhere cannot be read'):
        make_provider(engine_path=str(tmp_path / 'nowhere')).open()


def test_a_read_only_cache_serves_but_does_not_build(make_provider, manifest, monkeypatch):
    make_provider().open()

    def read_only(*_args, **_keywords):
        raise OSError(30, 'Read-only file system')

    monkeypatch.setattr('os.open', read_only)
    monkeypatch.setattr('tempfile.mkstemp', read_only)
    make_provider().open()
    with pytest.raises(EngineError, match=r'lock cannot be created .Read-only.*engine_cache_dir'):
        make_provider(rebuild=True).open()


def test_a_full_disk_does_not_stop_the_robot(make_provider, world, monkeypatch, caplog):
    def full(*_args, **_keywords):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('tempfile.mkstemp', full)
    assert make_provider().open().infer(np.zeros((1, 32, 64, 3), np.uint8))[1].min() == -127.5
    assert 'is not kept and will be built again' in caplog.text


def test_of_two_nodes_that_start_together_one_builds(make_provider, world):
    world.steps, world.step_seconds = 10, 0.05
    told, engines = [], []

    def start():
        engines.append(make_provider(report=told.append).open())

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(engines) == 2
    assert world.calls.count('build') == 1
    assert 'another process builds the TensorRT engine' in told


@pytest.mark.parametrize('waits', [False, True])
def test_stop_ends_a_build_and_the_wait_for_one(make_provider, world, waits):
    world.steps, world.step_seconds = 200, 0.05
    stop = threading.Event()
    provider = make_provider(stop=stop)
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    if waits:
        with provider.cache.lock('tiny', provider.key, lambda: None), \
                pytest.raises(BuildStoppedError):
            provider.open()
    else:
        with pytest.raises(BuildStoppedError):
            provider.open()
    assert time.monotonic() - begun < 2.0
    assert provider.cache.engines() == []


def test_a_model_that_changed_under_the_manifest_is_not_built(make_provider, manifest):
    with pytest.raises(ModelError, match='changed after its manifest was read'):
        make_provider(manifest=replace(manifest, sha256='0' * 64)).open()


def test_no_memory_of_the_gpu_is_no_reason_to_build_again(make_provider, world):
    make_provider().open()
    world.faults['out of memory'] = 1
    with pytest.raises(EngineError, match='CUDA out of memory'):
        make_provider().open()
    assert world.calls.count('build') == 1
