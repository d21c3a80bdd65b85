# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The training configuration: YAML into frozen, validated values."""

from __future__ import annotations

from collections.abc import Mapping
import difflib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
import yaml

from hybrid_training.config_section import Section
from hybrid_training.data.class_list import CLASS_LISTS, ClassList, load_class_list
from hybrid_training.data_config import (
    CropConfig,
    InlierConfig,
    NegativesConfig,
    PhotometricConfig,
)
from hybrid_training.exceptions import ConfigError
from hybrid_training.learning_config import LossConfig, OptimizerConfig
from hybrid_training.model_config import ModelConfig
from hybrid_training.synthetic_config import SyntheticConfig
from hybrid_training.validation_config import HeldOutConfig, ValidationConfig

DeviceName = Literal['auto', 'cpu', 'cuda']
Precision = Literal['fp32', 'bf16', 'fp16']


class TrainingConfig(Section):
    """Everything that decides a training run."""

    name: str
    seed: int = 1
    classes: str | ClassList = Field(
        'cityscapes', description='a list by name, the path of a classes YAML, or its content')
    init: str | None = Field(
        None, description='checkpoint or exported ONNX file to start from; None = ImageNet')
    model: ModelConfig = ModelConfig()
    steps: int = Field(gt=0, description='length of the learning-rate schedule')
    stop: int | None = Field(None, gt=0, description='end earlier than the schedule')
    batch_size: int = Field(
        6, ge=2, description='two: BatchNorm after pooling to one cell')
    threads: int = Field(2, gt=0)
    device: DeviceName = Field('auto', description='auto = a CUDA GPU where there is one')
    precision: Precision = Field('fp32', description='bf16, fp16: autocast')
    workers: int = Field(1, ge=0, description='processes that make crops; 0 = none')
    on_bad_image: Literal['fail', 'skip'] = Field(
        'fail', description='skip: take another image in place of an unusable one, and report it')
    checkpoint_every: int = Field(50, gt=0)
    log_every: int = Field(10, gt=0)
    inliers: tuple[InlierConfig, ...] = Field(min_length=1)
    negatives: NegativesConfig | None = None
    synthetic: SyntheticConfig | None = None
    crop: CropConfig = CropConfig()
    photometric: PhotometricConfig | None = Field(PhotometricConfig(), description='null = none')
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    validation: ValidationConfig | None = None

    @property
    def end(self) -> int:
        """Number of the last step."""
        return min(self.stop or self.steps, self.steps)

    @property
    def held_out(self) -> HeldOutConfig | None:
        """What is held out of the negatives, where anything is."""
        return self.validation.held_out_negatives if self.validation is not None else None

    @property
    def held_out_negatives(self) -> NegativesConfig | None:
        """The negatives of validation: a set of their own, or those that a fifth is taken of."""
        if self.held_out is None:
            return None
        return self.held_out.negatives or self.negatives

    @property
    def negatives_part(self) -> Literal['all', 'train']:
        """Which part of the negatives training may paste."""
        shared = self.held_out is not None and self.held_out.negatives is None
        return 'train' if shared else 'all'

    @model_validator(mode='after')
    def _check_patches_fit(self) -> TrainingConfig:
        side = min(self.crop.size)
        if self.negatives is not None and self.negatives.size[0] >= side:
            msg = (f'negatives.size: the least, {self.negatives.size[0]}, must be below the '
                   f"crop's shorter side, {side}; else a patch covers all of it")
            raise ValueError(msg)
        if self.synthetic is not None and self.synthetic.size[1] > side:
            msg = (f'synthetic.size: the most, {self.synthetic.size[1]}, must not be above the '
                   f"crop's shorter side, {side}")
            raise ValueError(msg)
        return self

    @model_validator(mode='after')
    def _check_held_out(self) -> TrainingConfig:
        if self.held_out is not None and self.held_out_negatives is None:
            msg = ('validation.held_out_negatives: there are no negatives to hold a fifth out of; '
                   'give validation.held_out_negatives.negatives')
            raise ValueError(msg)
        own = self.held_out.negatives if self.held_out is not None else None
        if own is not None and self.negatives is not None and own.root == self.negatives.root:
            msg = (f'validation.held_out_negatives.negatives.root: {own.root} is what training '
                   'pastes; leave it out to hold a fifth of it out')
            raise ValueError(msg)
        return self


def load_config(path: Path) -> TrainingConfig:
    """Read and validate a training configuration.

    Raises:
        ConfigError: no such file, no YAML, or a key that is unknown, missing or out of range;
            the message names file, key and value.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        msg = f'{path}: cannot read the configuration: {error.strerror}'
        raise ConfigError(msg) from error
    except yaml.YAMLError as error:
        msg = f'{path}: not YAML: {error}'
        raise ConfigError(msg) from error
    try:
        return TrainingConfig.model_validate(raw)
    except ValidationError as error:
        msg = f'{path}: ' + '; '.join(_fault(e) for e in error.errors())
        raise ConfigError(msg) from error


def _fault(error: Mapping[str, Any]) -> str:
    place = [str(part) for part in error['loc']]
    what = error['msg']
    if error['type'] == 'extra_forbidden':
        known = {key for section in Section.__subclasses__() for key in section.model_fields}
        close = difflib.get_close_matches(place[-1], sorted(known), 1)
        what = 'no such key' + (f', did you mean {close[0]}?' if close else '')
    return f'{".".join(place) or "the file"}: {what} (got {error["input"]!r})'


def resolve(path: str, data_root: Path) -> Path:
    """Return a configured path with `{data}` replaced by the data folder."""
    return Path(path.replace('{data}', str(data_root)))


def class_list(classes: str | ClassList, data_root: Path) -> ClassList:
    """Return the classes that a configuration names.

    Raises:
        ConfigError: neither a known name nor a readable classes YAML.
    """
    if isinstance(classes, ClassList):
        return classes
    return CLASS_LISTS.get(classes) or load_class_list(resolve(classes, data_root))


def with_classes(config: TrainingConfig, data_root: Path) -> TrainingConfig:
    """Return the configuration with the content of its classes YAML in place of its path.

    A checkpoint then says by itself what its classes are.
    """
    if isinstance(config.classes, ClassList) or config.classes in CLASS_LISTS:
        return config
    return config.model_copy(update={'classes': class_list(config.classes, data_root)})


def stored_classes(config: Mapping[str, Any]) -> ClassList:
    """Return the classes of a checkpoint's configuration; the oldest ones name none.

    Raises:
        ConfigError: the configuration names a file in place of classes.
    """
    stored = config.get('classes', 'cityscapes')
    if isinstance(stored, str) and stored not in CLASS_LISTS:
        msg = f'classes: {stored!r} is none of {", ".join(CLASS_LISTS)}, and no list of classes'
        raise ConfigError(msg)
    return CLASS_LISTS[stored] if isinstance(stored, str) else ClassList.model_validate(stored)


def stored_model(config: Mapping[str, Any]) -> ModelConfig:
    """Return the network of a checkpoint's configuration; the oldest ones name none."""
    return ModelConfig.model_validate(config.get('model', {}))
