# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a section of docs/performance.md is made of, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / 'models'


class NotMeasured(Exception):  # noqa: N818 (it is an answer, not a fault)
    """Something that the measurement needs is not here; the message says what."""


@dataclass(frozen=True)
class Settings:
    """What every section is told.

    Attributes:
        model: manifest, .onnx or folder.
        threads: numbers of CPU threads to measure with.
        quick: small and few, to prove that the section runs; the figures mean nothing.
        checkpoint: of the same network, for sections that export; None = random weights.
        data: folder of the labelled sets; None = no accuracy is measured.
        figures: folder for pictures of the page; None = none are drawn.
    """

    model: Path = MODELS
    threads: tuple[int, ...] = (1,)
    quick: bool = False
    checkpoint: Path | None = None
    data: Path | None = None
    figures: Path | None = None

    def rounds(self, wanted: int) -> int:
        """Return how often each call is timed."""
        return 3 if self.quick else wanted


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: heading.
        header: names of the columns.
        rows: as many cells as columns, each.
        note: Markdown above the table: what was measured, and what it is held against.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ''

    def markdown(self) -> str:
        """Render heading, note and table."""
        lines = [f'### {self.title}', '', *([self.note, ''] if self.note else [])]
        lines += ['| ' + ' | '.join(cells) + ' |'
                  for cells in (self.header, ('---',) * len(self.header), *self.rows)]
        return '\n'.join(lines) + '\n'
