# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the values of label files mean, and which of them may occur."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.label_ids import VOID


@dataclass(frozen=True)
class LabelCodes:
    """A code of label files.

    Attributes:
        table: (256,) uint8, from file values to what they mean; VOID = 255.
        allowed: (256,) bool, the values that may occur.
    """

    table: NDArray[np.uint8]
    allowed: NDArray[np.bool_]

    @classmethod
    def build(cls, meaning: Mapping[int, int], *, void: Iterable[int] = ()) -> LabelCodes:
        """Build a code from the meaning of each value and the values that mean nothing."""
        table = np.full(256, VOID, np.uint8)
        allowed = np.zeros(256, np.bool_)
        for value, meant in meaning.items():
            table[value] = meant
            allowed[value] = True
        allowed[list(void)] = True
        return cls(table, allowed)

    @classmethod
    def from_table(cls, table: NDArray[np.uint8]) -> LabelCodes:
        """Take a (256,) uint8 table in which every value may occur."""
        return cls(table, np.ones(256, np.bool_))

    @classmethod
    def as_stored(cls) -> LabelCodes:
        """Take every value for what it is."""
        return cls.from_table(np.arange(256, dtype=np.uint8))

    def read(self, label: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
        """Return (H, W) uint8 meanings of a label map.

        Raises:
            ValueError: a value that the code does not have.
        """
        fault = self.fault(np.bincount(label.ravel(), minlength=256))
        if fault:
            msg = f'{path}: {fault}'
            raise ValueError(msg)
        return self.table[label]

    def fault(self, counts: NDArray[np.int64]) -> str:
        """Return what is wrong with a file of these (256,) counts of values; '' = nothing."""
        wrong = np.flatnonzero((counts > 0) & ~self.allowed)
        if not len(wrong):
            return ''
        value = int(wrong[np.argmax(counts[wrong])])
        return (f'{counts[value]} pixels have the value {value}; the values allowed here are '
                f'{spans(np.flatnonzero(self.allowed))}')


def spans(values: Iterable[int]) -> str:
    """Write sorted numbers briefly: 0-18, 255."""
    parts: list[list[int]] = []
    for value in map(int, values):
        if parts and value == parts[-1][1] + 1:
            parts[-1][1] = value
        else:
            parts.append([value, value])
    return ', '.join(f'{a}' if a == b else f'{a}-{b}' for a, b in parts)
