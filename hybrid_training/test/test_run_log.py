# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The log of a run: whole rows, each step once, whatever happened to the file."""

from __future__ import annotations

import csv
import errno
from pathlib import Path

import pytest

from hybrid_training.exceptions import RunFolderError
from hybrid_training.run_log import RunLog


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / 'train.csv').open(newline='') as stream:
        return list(csv.DictReader(stream))


def written(folder: Path, steps: range, start: int = 0, **more: float) -> RunLog:
    log = RunLog(folder, 'train', start=start)
    for step in steps:
        log.write(step, {'total': step / 7, **more})
    log.close()
    return log


def test_rows_come_back_as_they_were_written(tmp_path):
    log = written(tmp_path, range(1, 4))
    assert [(r['step'], float(r['total'])) for r in rows(tmp_path)] == [
        ('1', 1 / 7), ('2', 2 / 7), ('3', 3 / 7)]
    assert log.kept[2] == {'total': 2 / 7}
    assert RunLog(tmp_path, 'train', start=3).kept == log.kept


def test_resumed_log_holds_each_step_once(tmp_path):
    written(tmp_path, range(1, 6))
    written(tmp_path, range(4, 7), start=3)
    assert [r['step'] for r in rows(tmp_path)] == ['1', '2', '3', '4', '5', '6']


@pytest.mark.parametrize('cut', [2, 5, 20])
def test_row_that_was_cut_short_is_dropped(tmp_path, cut):
    written(tmp_path, range(1, 4))
    content = (tmp_path / 'train.csv').read_bytes()
    (tmp_path / 'train.csv').write_bytes(content[:-cut])
    log = RunLog(tmp_path, 'train', start=3)
    assert list(log.kept) == [1, 2]  # the last row is 22 bytes long
    log.write(3, {'total': 0.5})
    assert [r['step'] for r in rows(tmp_path)] == ['1', '2', '3']


def test_new_column_is_added_to_the_rows_before(tmp_path):
    written(tmp_path, range(1, 3))
    written(tmp_path, range(3, 4), start=2, negative_energy=-1.5)
    assert [r['negative_energy'] for r in rows(tmp_path)] == ['nan', 'nan', '-1.5']


def test_full_disk_names_the_log(tmp_path, monkeypatch):
    log = written(tmp_path, range(1, 3))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'open', full)
    with pytest.raises(RunFolderError, match=r'train\.csv: log not written \(No space left'):
        log.write(3, {'total': 1.0})


def test_kill_while_rewriting_leaves_the_log(tmp_path, monkeypatch):
    written(tmp_path, range(1, 4))

    def killed(*_):
        raise SystemExit

    monkeypatch.setattr(Path, 'replace', killed)
    with pytest.raises(SystemExit):
        RunLog(tmp_path, 'train', start=2)
    assert [r['step'] for r in rows(tmp_path)] == ['1', '2', '3']
