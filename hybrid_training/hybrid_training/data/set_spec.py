# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the registry knows about a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hybrid_training.data.class_list import ClassList
from hybrid_training.data.labeled_images import ListedPairs

WIDE = (2.0,)
"""Width over height of Cityscapes' and Lost and Found's camera."""
FULL_HD = (16 / 9,)


@dataclass(frozen=True)
class SetRequest:
    """Which part of which copy of a set to open.

    Attributes:
        root: folder of the set.
        split: one of the set's splits, '' where it has none.
        classes: the known classes that labels are asked for.
        images: where the images are, for sets whose masks come alone.
    """

    root: Path
    split: str = ''
    classes: ClassList | None = None
    images: Path | None = None


@dataclass(frozen=True)
class Rules:
    """What holds for every whole copy of a set; `data check` refuses a copy that breaks it.

    Attributes:
        aspects: width over height that images may have; empty = any.
        void: whether every file, or some file of the set, must have unlabelled pixels.
        gamma: label PNGs come with a gamma chunk.
    """

    aspects: tuple[float, ...] = ()
    void: Literal['file', 'set', 'free'] = 'free'
    gamma: bool = False


@dataclass(frozen=True)
class PixelProtocol:
    """How the authors of a set read AP, AUROC and FPR95 off its pixels.

    Attributes:
        per_image: averaged over the images that hold both kinds of pixels; else all are pooled.
        fpr_rule: which of `hybrid_perception.metrics.FPR_RULES` FPR95 follows.
    """

    per_image: bool = False
    fpr_rule: str = 'fishyscapes'


POOLED = PixelProtocol()

@dataclass(frozen=True)
class SetSpec:
    """One kind of data set.

    Attributes:
        name: as configurations and the command line call it.
        kind: labels are train ids; 0 known, 1 anomaly; or they are negatives.
        layout: where its files lie, in one line.
        open: opens one.
        splits: names of its splits, the usual first; empty = it has none.
        rules: what `data check` asks for.
        protocol: how its authors measure scores on it.
        folds: splits that open-mIoU is measured on with thresholds from one another.
    """

    name: str
    kind: Literal['inlier', 'anomaly', 'negative']
    layout: str
    open: Callable[[SetRequest], ListedPairs]
    splits: tuple[str, ...] = ()
    rules: Rules = field(default=Rules())
    protocol: PixelProtocol = POOLED
    folds: tuple[str, ...] = ()

    @property
    def evaluated_split(self) -> str:
        """The split that is measured where none is named; '' = the set has none."""
        first = next(iter(self.splits), '')
        return 'val' if first == 'train' and 'val' in self.splits else first


def all_found(root: Path, wanted: str, paths: Iterable[Path]) -> list[Path]:
    """Return the sorted paths.

    Raises:
        ValueError: there is none, so `root` is not the folder of such a set.
    """
    found = sorted(paths)
    if not found:
        what = 'nothing like' if root.is_dir() else 'no such folder; looked for'
        msg = f'{root}: {what} {wanted}; give the folder that holds the first part of this path'
        raise ValueError(msg)
    return found
