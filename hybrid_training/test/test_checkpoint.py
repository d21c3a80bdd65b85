# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints are whole or absent."""

from __future__ import annotations

import pytest
import torch

from hybrid_training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hybrid_training.exceptions import CheckpointError


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {'w': torch.full((64, 64), float(step))}, None, {'name': 'x'})


def test_round_trip(tmp_path):
    save_checkpoint(tmp_path / 'a.pt', checkpoint(7))
    loaded = load_checkpoint(tmp_path / 'a.pt')
    assert loaded.step == 7
    assert torch.equal(loaded.model['w'], checkpoint(7).model['w'])


def test_failed_write_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / 'a.pt'
    save_checkpoint(path, checkpoint(1))

    def full_disk(_handle):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', full_disk)
    with pytest.raises(CheckpointError, match='No space left'):
        save_checkpoint(path, checkpoint(2))
    monkeypatch.undo()
    assert load_checkpoint(path).step == 1
    assert [p.name for p in tmp_path.iterdir()] == ['a.pt']


@pytest.mark.parametrize('content', [b'', b'not a checkpoint', None])
def test_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / 'a.pt'
    save_checkpoint(path, checkpoint(1))
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(CheckpointError, match=r'a\.pt: not a whole checkpoint'):
        load_checkpoint(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r'none\.pt: no such checkpoint'):
        load_checkpoint(tmp_path / 'none.pt')
