# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a section of docs/performance.md is made of, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / 'models'


class NotMeasured(Exception):  # noqa: N818 (it is an answer, not a fault)
    """Something that the measurement needs is not here; the message says what."""


@dataclass(frozen=True)
class Settings:
    """What every section is told.

    Attributes:
        model: manifest, .onnx or folder.
        threads: numbers of CPU threads to measure with.
        quick: small and few, to prove that the section runs; the figures mean nothing.
        data: folder of the labelled sets; None = no accuracy is measured.
        figures: folder for pictures of the page; None = none are drawn.
    """

    model: Path = MODELS
    threads: tuple[int, ...] = (1,)
    quick: bool = False
    data: Path | None = None
    figures: Path | None = None

    def rounds(self, wanted: int) -> int:
        """Return how often each call is timed."""
        return 3 if self.quick else wanted


@dataclass(frozen=True)
class Bar:
    """What is asked of a figure.

    Attributes:
        what: name of the figure, with the case it is of.
        value: as it was measured, rounded as it is to be shown.
        limit: that it may reach.
        unit: shown after both.
        at_least: whether more is better.
    """

    what: str
    value: float
    limit: float
    unit: str = ''
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is what is asked for; one that is no number is not."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def markdown(self) -> str:
        """Render one item of a list, which `benchmark.page` finds again."""
        return (f'* {"met" if self.met else "missed"}: {self.what}: {self.value:g}{self.unit}; '
                f'asked: at {"least" if self.at_least else "most"} {self.limit:g}{self.unit}')


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: heading.
        header: names of the columns.
        rows: as many cells as columns, each.
        note: Markdown above the table: what was measured, and what it is held against.
        bars: what is asked of its figures.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ''
    bars: tuple[Bar, ...] = ()

    def markdown(self) -> str:
        """Render heading, note, table and bars."""
        lines = [f'### {self.title}', '', *([self.note, ''] if self.note else [])]
        lines += ['| ' + ' | '.join(cells) + ' |'
                  for cells in (self.header, ('---',) * len(self.header), *self.rows)]
        lines += ['', *(bar.markdown() for bar in self.bars)] if self.bars else []
        return '\n'.join(lines) + '\n'
