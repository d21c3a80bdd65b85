# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a configuration trains on: inliers, negatives, crops, jitter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hybrid_training.config_section import NetworkSize, Section, require_ranges


class InlierConfig(Section):
    """One inlier set below `root`, which may begin with `{data}`."""

    root: str
    set: str = Field('folder', description='a name of `data.registry`')
    split: str | None = Field(None, description='of a set that has splits')
    labels: str = Field('labels', description='for folder: the label PNGs beside `images`')
    part: Literal['all', 'train', 'val'] = Field('all', description='val: every fifth by name')
    lookup: str | None = Field(None, description='for folder: JSON from file ids to train ids')
    values: Mapping[int, str | tuple[str, ...] | None] | None = Field(
        None, description='for folder: what each value of the label files means: a class, a list '
                          'of classes of which it is any one (a coarse label), null = nothing')
    size: tuple[int, int] | None = Field(None, description='(height, width) it is seen at')
    share: float = Field(1.0, gt=0)

    @model_validator(mode='after')
    def _check_values(self) -> InlierConfig:
        if self.values is not None and (self.set != 'folder' or self.lookup is not None):
            msg = 'values: only for folder, and in place of lookup'
            raise ValueError(msg)
        wrong = [v for v in self.values or () if not 0 <= v <= 255]
        if wrong:
            msg = f'values: label files are 8 bit, got {wrong[0]}'
            raise ValueError(msg)
        return self


class NegativesConfig(Section):
    """Where negatives come from and how they are pasted (`data.mixed_content`)."""

    root: str
    kind: Literal['cutouts', 'images', 'ade20k', 'coco'] = 'cutouts'
    split: str = Field('train2017', description='for coco: instances_<split>.json')
    exclude: tuple[int | str, ...] | None = Field(
        None, description='categories, or ids of ADE20K, left out; None = those that leak')
    count: tuple[int, int] = (1, 3)
    size: tuple[int, int] = (20, 260)
    rectangle_share: float = Field(0.25, ge=0, le=1)
    erode: int = Field(1, ge=0)
    feather: tuple[Annotated[float, Field(gt=0)], float] = (0.3, 1.0)
    rows: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = (
        0.0, 1.0)

    @model_validator(mode='after')
    def _checkrequire_ranges(self) -> NegativesConfig:
        for name in ('count', 'size', 'feather', 'rows'):
            least, most = getattr(self, name)
            if least > most or (name == 'size' and least < 1) or least < 0:
                msg = f'{name}: want [least, most], got [{least}, {most}]'
                raise ValueError(msg)
        wanted = int if self.kind == 'ade20k' else str
        wrong = [e for e in self.exclude or () if not isinstance(e, wanted)]
        if wrong:
            msg = f'exclude: {self.kind} wants {wanted.__name__} values, got {wrong[0]!r}'
            raise ValueError(msg)
        return self


class CropConfig(Section):
    """Random crops (`data.crops`)."""

    size: NetworkSize = (288, 512)
    scale: tuple[Annotated[float, Field(gt=0)], float] = (0.5625, 1.5)
    scale_draw: Literal['log_uniform', 'uniform'] = 'log_uniform'
    flip: float = Field(0.5, ge=0, le=1)
    class_balanced: float = Field(0.5, ge=0, le=1)

    @model_validator(mode='after')
    def _check_scale(self) -> CropConfig:
        return require_ranges(self, 'scale')


class PhotometricConfig(Section):
    """Strengths of the photometric jitter (`data.photometric`); 0 leaves one out."""

    gamma: float = Field(0.35, ge=0)
    gain: float = Field(0.25, ge=0, lt=1)
    tint: float = Field(0.08, ge=0, lt=1)
    offset: float = Field(12.0, ge=0)
    saturation: float = Field(0.4, ge=0, le=1)
    blur_share: float = Field(0.2, ge=0, le=1)
    blur: tuple[Annotated[float, Field(gt=0)], float] = (0.4, 1.4)
    noise_share: float = Field(0.2, ge=0, le=1)
    noise: tuple[Annotated[float, Field(ge=0)], float] = (2.0, 8.0)

    @model_validator(mode='after')
    def _checkrequire_ranges(self) -> PhotometricConfig:
        return require_ranges(self, 'blur', 'noise')
