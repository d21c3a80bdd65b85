# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The log of a run: one CSV and the same figures for TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class RunLog:
    """Append scalars to `<folder>/<name>.csv` and to TensorBoard event files.

    A resumed run drops the rows after the step it starts from, so that no step stands twice.

    Attributes:
        kept: the values of the rows that stay.
    """

    def __init__(self, folder: Path, name: str, *, start: int) -> None:
        self._path = folder / f'{name}.csv'
        self._name = name
        self._board = SummaryWriter(str(folder / 'tensorboard'), purge_step=start + 1)
        rows = []
        if self._path.is_file():
            with self._path.open(newline='', encoding='utf-8') as stream:
                rows = [r for r in csv.DictReader(stream) if int(r['step']) <= start]
        self._columns = list(rows[0]) if rows else []
        self.kept = [{k: float(v) for k, v in row.items() if k != 'step'} for row in rows]
        if rows:
            with self._path.open('w', newline='', encoding='utf-8') as stream:
                writer = csv.DictWriter(stream, self._columns)
                writer.writeheader()
                writer.writerows(rows)
        else:
            self._path.unlink(missing_ok=True)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append one row; the first row decides the columns."""
        first = not self._columns
        if first:
            self._columns = ['step', *values]
        with self._path.open('a', newline='', encoding='utf-8') as stream:
            writer = csv.DictWriter(stream, self._columns)
            if first:
                writer.writeheader()
            writer.writerow({'step': step, **values})
        for key, value in values.items():
            self._board.add_scalar(f'{self._name}/{key}', value, step)

    def close(self) -> None:
        """Flush the TensorBoard files."""
        self._board.close()
