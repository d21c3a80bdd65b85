# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets as the command line names them: `DIR`, `SET=DIR` or `SET:SPLIT=DIR`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hybrid_training.data.anomaly_sets import open_anomaly_folder
from hybrid_training.data.class_list import CLASS_LISTS, ClassList
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.data.own_sets import open_folder
from hybrid_training.data.registry import find_set, open_set
from hybrid_training.data.set_spec import POOLED, PixelProtocol, SetSpec


@dataclass(frozen=True)
class NamedSet:
    """A set to be measured.

    Attributes:
        name: what it is called in reports.
        images: its images and labels.
        protocol: how its authors measure scores on it.
    """

    name: str
    images: LabeledImages
    protocol: PixelProtocol = POOLED


@dataclass(frozen=True)
class SetArgument:
    """What one argument names.

    Attributes:
        spec: the set of the registry, None = a plain folder.
        split: of the set, '' = none named.
        root: its folder.
    """

    spec: SetSpec | None
    split: str
    root: Path

    @classmethod
    def parse(cls, text: str) -> SetArgument:
        """Take an argument apart; a folder whose name holds '=' is a folder.

        Raises:
            ValueError: no such set.
        """
        kind, separator, root = text.partition('=')
        if not separator or Path(text).is_dir():
            return cls(None, '', Path(text))
        name, _, split = kind.partition(':')
        return cls(find_set(name), split, Path(root).expanduser())

    @property
    def name(self) -> str:
        """What the set is called in reports: the split is part of it."""
        if self.spec is None:
            return self.root.resolve().name
        split = self.split or self.spec.evaluated_split
        return f'{self.spec.name}:{split}' if split else self.spec.name

    def folds(self) -> list[SetArgument]:
        """Return the folds of a set that has some, where no split is named; else the set."""
        if self.spec is None or self.split or not self.spec.folds:
            return [self]
        return [replace(self, split=fold) for fold in self.spec.folds]

    def refuse_other_than(self, kind: str, want: str) -> None:
        """Refuse a set of another kind.

        Raises:
            ValueError: it is one.
        """
        if self.spec is not None and self.spec.kind != kind:
            msg = f'{self.spec.name} is a set of kind {self.spec.kind}; want {want}'
            raise ValueError(msg)


def open_anomaly_sets(
        texts: Sequence[str], images: Mapping[str, Path] | None = None) -> list[NamedSet]:
    """Open sets with anomaly masks, each under a name of its own.

    Args:
        texts: `DIR` (images/ and masks/), `SET=DIR` or `SET:SPLIT=DIR`.
        images: where the images of sets are whose masks come alone, by set; '' = of any.

    Raises:
        ValueError: no such set, not one with anomaly masks, the same one twice, or files that do
            not fit its layout.
    """
    arguments = [SetArgument.parse(text) for text in texts]
    for argument in arguments:
        argument.refuse_other_than('anomaly', 'one with anomaly masks')
    found = []
    for argument, name in zip(arguments, own_names(arguments), strict=True):
        if argument.spec is None:
            found.append(NamedSet(name, open_anomaly_folder(argument.root)))
            continue
        places = images or {}
        opened = open_set(
            argument.spec.name, argument.root, split=argument.split or None,
            images=places.get(argument.spec.name, places.get('')))
        found.append(NamedSet(name, opened, argument.spec.protocol))
    return found


def open_class_sets(
        texts: Sequence[str], classes: ClassList | None, names: Sequence[str] = (), *,
        size: tuple[int, int] | None = None, lookup: Path | None = None,
        folds: bool = False) -> list[NamedSet]:
    """Open sets with class labels as the train ids of a model.

    Args:
        texts: `DIR` (images/ and labels/), `SET=DIR` or `SET:SPLIT=DIR`.
        classes: the model's classes with their values in label files; None = not known.
        names: the model's class names.
        size: (height, width) at which plain folders are measured; None = as stored.
        lookup: the plain folders' table from file ids to train ids.
        folds: open every fold of a set that has folds as a set of its own.

    Raises:
        ValueError: no such set, not one with class labels or not with the model's, the same one
            twice, or files that do not fit its layout.
    """
    from hybrid_training.data.lookup import read_lookup

    arguments = [SetArgument.parse(text) for text in texts]
    for argument in arguments:
        argument.refuse_other_than('inlier', 'one with class labels')
    if folds:
        arguments = [fold for argument in arguments for fold in argument.folds()]
    codes = LabelCodes.from_table(read_lookup(lookup)) if lookup else LabelCodes.as_stored()
    found = []
    for argument, name in zip(arguments, own_names(arguments), strict=True):
        if argument.spec is None:
            found.append(NamedSet(name, open_folder(argument.root, codes, size=size)))
            continue
        if lookup is not None:
            msg = (f'{argument.spec.name}: a set of the registry knows its labels; a lookup is '
                   f'for a folder of your own')
            raise ValueError(msg)
        wanted = _classes_for(argument.spec, classes, names)
        found.append(NamedSet(name, open_set(
            argument.spec.name, argument.root, classes=wanted,
            split=argument.split or argument.spec.evaluated_split or None)))
    return found


def own_names(arguments: Sequence[SetArgument]) -> list[str]:
    """Name every set; those of one name get as much of their folders' paths as tells them apart.

    Raises:
        ValueError: the same set stands twice.
    """
    places = [(argument.name, argument.root.resolve()) for argument in arguments]
    for (name, place), times in Counter(places).items():
        if times > 1:
            msg = f'{name} of {place} stands {times} times; each set may stand once'
            raise ValueError(msg)
    found = []
    for argument, (name, place) in zip(arguments, places, strict=True):
        others = [p for n, p in places if n == name and p != place]
        length = next(n for n in range(1, len(place.parts) + 1)
                      if all(p.parts[-n:] != place.parts[-n:] for p in others))
        tail = '/'.join(part.strip('/') for part in place.parts[-length:])
        if argument.spec is None:
            found.append(tail)
        else:
            found.append(f'{name}={tail}' if others else name)
    return found


def _classes_for(
        spec: SetSpec, classes: ClassList | None, names: Sequence[str]) -> ClassList | None:
    if spec.name == 'folder':
        if classes is None:
            msg = ('folder: the model does not say which label values are its classes; give the '
                   'folder alone and --lookup with its classes YAML')
            raise ValueError(msg)
        return classes
    known = next((c for c in CLASS_LISTS.values() if c.names == tuple(names)), None)
    if known is None and classes is None:
        msg = (f'{spec.name}: its labels cannot be had in the classes of this model '
               f'({", ".join(names[:4])}...)')
        raise ValueError(msg)
    return known or classes
