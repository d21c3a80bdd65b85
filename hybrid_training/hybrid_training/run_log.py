# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The log of a run: one CSV and the same figures for TensorBoard."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from hybrid_training.exceptions import RunFolderError


class RunLog:
    """Append scalars to `<folder>/<name>.csv` and to TensorBoard event files.

    A resumed run drops the rows after the step it starts from, so that no step stands twice, and
    a row that a kill or a full disk has cut short.

    Args:
        folder: of the run.
        name: of the log.
        start: step that the run goes on from.

    Attributes:
        kept: the values of the rows that stay, and of those written since, by step.

    Raises:
        RunFolderError: the CSV cannot be read or written.
    """

    def __init__(self, folder: Path, name: str, *, start: int) -> None:
        self._path = folder / f'{name}.csv'
        self._name = name
        try:
            self._board = SummaryWriter(str(folder / 'tensorboard'), purge_step=start + 1)
            self._rows = [r for r in _read(self._path) if int(r['step']) <= start]
            self._columns = list(self._rows[0]) if self._rows else []
            self._rewrite()
        except OSError as error:
            raise self._failure(error) from error
        self.kept = {int(r['step']): {k: float(v) for k, v in r.items() if k != 'step'}
                     for r in self._rows}

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append one row; columns that are new are added to the rows before it, as NaN.

        Raises:
            RunFolderError: the disk is full, or the folder not writable.
        """
        row = {'step': str(step), **{k: str(v) for k, v in values.items()}}
        self._rows.append(row)
        self.kept[step] = values
        fresh = [column for column in row if column not in self._columns]
        try:
            if fresh:
                self._columns += fresh
                self._rewrite()
            else:
                with self._path.open('a', newline='', encoding='utf-8') as stream:
                    stream.write(self._text([row], header=False))
            for key, value in values.items():
                self._board.add_scalar(f'{self._name}/{key}', value, step)
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Flush the TensorBoard files.

        Raises:
            RunFolderError: the disk is full.
        """
        try:
            self._board.close()
        except OSError as error:
            raise self._failure(error) from error

    def _rewrite(self) -> None:
        # Beside its place, then renamed: a kill in between loses no row.
        if not self._rows:
            self._path.unlink(missing_ok=True)
            return
        part = self._path.with_name(self._path.name + '.part')
        part.write_text(self._text(self._rows, header=True), encoding='utf-8', newline='')
        part.replace(self._path)

    def _text(self, rows: list[dict[str, str]], *, header: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, restval=str(math.nan))
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def _failure(self, error: OSError) -> RunFolderError:
        return RunFolderError(
            f'{self._path}: log not written ({error.strerror or error}); make room and start the '
            'same command again')


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    text = path.read_text(encoding='utf-8')
    whole = text[:text.rfind('\n') + 1]  # what follows the last newline was cut short
    rows = list(csv.DictReader(io.StringIO(whole)))
    return [r for r in rows if None not in r and None not in r.values()]
