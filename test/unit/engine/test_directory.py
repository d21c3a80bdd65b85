# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The choice of the cache directory, who may write to it, and writing whole files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hybrid_perception.engine.directory import cache_directory, make_private, write_atomically
from hybrid_perception.exceptions import EngineError


def test_parameter_then_variable_then_user_cache(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', '/home/robot')
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.delenv('HYBRID_PERCEPTION_CACHE', raising=False)
    assert cache_directory() == Path('/home/robot/.cache/hybrid_perception')
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    assert cache_directory() == Path('/home/robot/.cache/hybrid_perception')
    monkeypatch.setenv('XDG_CACHE_HOME', '/var/cache/robot')
    assert cache_directory() == Path('/var/cache/robot/hybrid_perception')
    monkeypatch.setenv('HYBRID_PERCEPTION_CACHE', '~/engines')
    assert cache_directory() == Path('/home/robot/engines')
    assert cache_directory(tmp_path) == tmp_path


def test_a_new_directory_is_private(tmp_path):
    directory = tmp_path / 'a' / 'b'
    make_private(directory)
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_may_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o770)
    with pytest.raises(EngineError, match=f'written to by others.*chmod go-w {tmp_path}'):
        make_private(tmp_path)
    tmp_path.chmod(0o755)
    make_private(tmp_path)


def test_a_directory_of_another_user_is_refused(tmp_path, monkeypatch):
    owner = tmp_path.stat().st_uid
    if owner == 0:
        os.chown(tmp_path, 4242, -1)
        owner = 4242
    monkeypatch.setattr(os, 'getuid', lambda: owner + 1)
    with pytest.raises(EngineError, match=f'belongs to user {owner}'):
        make_private(tmp_path)


def test_a_place_that_cannot_be_is_named_with_the_way_out(tmp_path):
    file = tmp_path / 'file'
    file.touch()
    with pytest.raises(EngineError, match=r'cannot be created.*engine_cache_dir.*--cache-dir'):
        make_private(file / 'cache')
    with pytest.raises(EngineError, match=r'x cannot be written.*HYBRID_PERCEPTION_CACHE'):
        write_atomically(tmp_path / 'missing' / 'x', b'')


@pytest.mark.skipif(os.getuid() == 0, reason='root may write everywhere')
def test_a_read_only_directory_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(EngineError, match='Permission denied'):
        write_atomically(tmp_path / 'x', b'')


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / 'plan'
    write_atomically(path, b'old')

    def full(_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(EngineError, match=r'plan cannot be written .No space left on device.'):
        write_atomically(path, b'new')
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]
