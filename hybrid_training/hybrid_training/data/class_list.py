# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The known classes: their names, colours, and the values that stand for them in label files."""

from __future__ import annotations

from collections import Counter
import colorsys
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
import yaml

from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.label_ids import CITYSCAPES_CLASSES, CITYSCAPES_COLORS, VOID
from hybrid_training.exceptions import ConfigError

Byte = Annotated[int, Field(ge=0, le=255)]

# 254 and 253 must stay free: K is ignore and K + 1 the negatives in training labels.
MOST_CLASSES = 253


class KnownClass(BaseModel):
    """One class.

    Attributes:
        name: as it appears in reports, the manifest and on the robot.
        ids: values of label files that mean this class.
        color: RGB; where none is given the class gets one of a wheel of colours.
    """

    model_config = ConfigDict(extra='forbid', frozen=True)

    name: str = Field(min_length=1)
    ids: tuple[Byte, ...] = Field(min_length=1)
    color: tuple[Byte, Byte, Byte] | None = None


class ClassList(BaseModel):
    """The known classes in the order of their train ids 0..K-1.

    In YAML a class is a name, whose value in label files is then its position, or a mapping
    `{name, id | ids, color}`.

    Attributes:
        classes: one entry per class.
        ignore: values of label files that mean nothing is known about a pixel.
    """

    model_config = ConfigDict(extra='forbid', frozen=True)

    classes: tuple[KnownClass, ...] = Field(min_length=1, max_length=MOST_CLASSES)
    ignore: tuple[Byte, ...] = (VOID,)

    @model_validator(mode='before')
    @classmethod
    def _spell_out(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get('classes'), (list, tuple)):
            return raw
        classes = []
        for position, entry in enumerate(raw['classes']):
            if isinstance(entry, str):
                classes.append({'name': entry, 'ids': [position]})
            elif isinstance(entry, dict) and 'ids' not in entry:
                rest = {k: v for k, v in entry.items() if k != 'id'}
                classes.append({**rest, 'ids': [entry.get('id', position)]})
            else:
                classes.append(entry)
        return {**raw, 'classes': classes}

    @model_validator(mode='after')
    def _check_once_each(self) -> ClassList:
        for what, values in (
                ('class name', [c.name for c in self.classes]),
                ('label value', [i for c in self.classes for i in c.ids] + list(self.ignore))):
            twice = [v for v, n in Counter(values).items() if n > 1]
            if twice:
                msg = f'{what} {twice[0]!r} stands twice; each may stand once'
                raise ValueError(msg)
        return self

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names by train id."""
        return tuple(c.name for c in self.classes)

    @property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """RGB colours by train id."""
        return tuple(c.color or wheel_color(i) for i, c in enumerate(self.classes))

    def codes(self) -> LabelCodes:
        """Return how label files are read: values to train ids, all others refused."""
        return LabelCodes.build(
            {i: train_id for train_id, c in enumerate(self.classes) for i in c.ids},
            void=self.ignore)


CITYSCAPES = ClassList(classes=tuple(
    KnownClass(name=name, ids=(i,), color=color)
    for i, (name, color) in enumerate(zip(CITYSCAPES_CLASSES, CITYSCAPES_COLORS, strict=True))))
CAMVID = ClassList(ignore=(11,), classes=tuple(
    KnownClass(name=name, ids=(i,), color=color) for i, (name, color) in enumerate((
        ('sky', (128, 128, 128)), ('building', (128, 0, 0)), ('pole', (192, 192, 128)),
        ('road', (128, 64, 128)), ('pavement', (0, 0, 192)), ('tree', (128, 128, 0)),
        ('sign', (192, 128, 128)), ('fence', (64, 64, 128)), ('car', (64, 0, 128)),
        ('pedestrian', (64, 64, 0)), ('bicyclist', (0, 128, 192))))))
STREETHAZARDS = ClassList(ignore=(4, 14), classes=tuple(
    KnownClass(name=name, ids=(i,)) for i, name in (
        (1, 'background'), (2, 'building'), (3, 'fence'), (5, 'pedestrian'), (6, 'pole'),
        (7, 'road line'), (8, 'road'), (9, 'sidewalk'), (10, 'vegetation'), (11, 'car'),
        (12, 'wall'), (13, 'traffic sign'))))
CLASS_LISTS = {'cityscapes': CITYSCAPES, 'camvid': CAMVID, 'streethazards': STREETHAZARDS}
"""Lists that a configuration can name; their sets are in `data.registry`."""


def load_class_list(path: Path) -> ClassList:
    """Read a classes YAML.

    Raises:
        ConfigError: no such file, no YAML, or not a list of classes; the message names file, key
            and value.
    """
    want = 'want {classes: [road, sky, ...]} or {classes: [{name, id, color}, ...], ignore: [...]}'
    try:
        return ClassList.model_validate(yaml.safe_load(path.read_text(encoding='utf-8')))
    except OSError as error:
        msg = (f'{path}: cannot read the classes: {error.strerror}; name one of '
               f'{", ".join(CLASS_LISTS)} or a YAML file')
        raise ConfigError(msg) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f'{path}: not YAML ({error}); {want}'
        raise ConfigError(msg) from error
    except ValidationError as error:
        lines = [f'{".".join(map(str, e["loc"])) or "the file"}: {e["msg"]} (got {e["input"]!r})'
                 for e in error.errors()]
        msg = f'{path}: {"; ".join(lines)}; {want}'
        raise ConfigError(msg) from error


def wheel_color(position: int) -> tuple[int, int, int]:
    """Return an RGB colour for a position; neighbouring positions look different."""
    # Steps of the golden ratio keep neighbours on the wheel far apart for any number of classes.
    hue = (position * 0.61803398875) % 1
    r, g, b = colorsys.hsv_to_rgb(hue, 0.55 + 0.3 * (position % 2), 0.9 - 0.25 * (position % 3))
    return round(255 * r), round(255 * g), round(255 * b)
