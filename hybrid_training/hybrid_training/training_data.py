# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Build the stream of training samples that a configuration describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hybrid_training.config import (
    InlierConfig,
    NegativesConfig,
    TrainingConfig,
    class_list,
    resolve,
)
from hybrid_training.data.class_list import CITYSCAPES, ClassList
from hybrid_training.data.coco_bank import CocoBank
from hybrid_training.data.crops import ClassIndex, RandomCrop
from hybrid_training.data.held_out import PastedNegatives
from hybrid_training.data.image_bank import ImageBank, SegmentBank
from hybrid_training.data.label_codes import LabelCodes
from hybrid_training.data.label_ids import FIRST_UNION, VOID
from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.data.leakage import leaking_ade_ids, leaking_categories
from hybrid_training.data.lookup import codes_from_json
from hybrid_training.data.mixed_content import MixedContent
from hybrid_training.data.negatives import CutoutBank, NegativeBank
from hybrid_training.data.own_sets import Part, open_folder, take_part
from hybrid_training.data.photometric import PhotometricJitter
from hybrid_training.data.registry import find_set, open_set
from hybrid_training.data.training_samples import Source, TrainingSamples
from hybrid_training.exceptions import ConfigError


def open_inliers(
        config: InlierConfig, data_root: Path, classes: ClassList = CITYSCAPES, *,
        unions: Sequence[tuple[int, ...]] = ()) -> LabeledImages:
    """Open one configured set of labelled images, labels as train ids of `classes`.

    Coarse labels that are in `unions` come out as FIRST_UNION and downwards, others as VOID.
    """
    root = resolve(config.root, data_root)
    if config.set != 'folder':
        if find_set(config.set).kind != 'inlier':
            msg = f'inliers: {config.set} is a set of {find_set(config.set).kind} data, not inlier'
            raise ConfigError(msg)
        pairs = open_set(config.set, root, split=config.split, classes=classes)
        return take_part(replace(pairs, size=config.size or pairs.size), config.part)
    if config.values is not None:
        codes = _codes_of_values(config.values, classes, unions)
    elif config.lookup is not None:
        codes = codes_from_json(resolve(config.lookup, data_root))
    else:
        codes = classes.codes()
    return take_part(
        open_folder(root, codes, labels=config.labels, size=config.size), config.part)


def coarse_labels(config: TrainingConfig, classes: ClassList) -> tuple[tuple[int, ...], ...]:
    """Return the train ids of every coarse label that the inlier sets have, each once.

    Raises:
        ConfigError: a name is no class.
    """
    found = {_train_ids(meaning, classes) for inlier in config.inliers
             for meaning in (inlier.values or {}).values() if meaning is not None}
    return tuple(sorted(ids for ids in found if len(ids) > 1))


def _train_ids(meaning: str | tuple[str, ...], classes: ClassList) -> tuple[int, ...]:
    names = (meaning,) if isinstance(meaning, str) else meaning
    unknown = [name for name in names if name not in classes.names]
    if unknown or not names:
        msg = f'inliers.values: {unknown[0] if names else names!r} is none of the classes'
        raise ConfigError(msg)
    # Each once: the sum of the probabilities would count it twice.
    return tuple(sorted({classes.names.index(name) for name in names}))


def _codes_of_values(
        values: Mapping[int, str | tuple[str, ...] | None], classes: ClassList,
        unions: Sequence[tuple[int, ...]]) -> LabelCodes:
    meaning = {}
    for value, names in values.items():
        ids = () if names is None else _train_ids(names, classes)
        if len(ids) > 1:
            meaning[value] = FIRST_UNION - unions.index(ids) if ids in unions else VOID
        else:
            meaning[value] = ids[0] if ids else VOID
    return LabelCodes.build(meaning, void=(VOID,))


def open_negatives(
        config: NegativesConfig, data_root: Path, classes: ClassList, *, part: Part = 'all',
) -> NegativeBank:
    """Open the configured source of negatives, without what leaks from the known classes."""
    root = resolve(config.root, data_root)
    chosen = config.exclude
    if config.kind == 'images':
        return ImageBank(root, part=part)
    if config.kind == 'ade20k':
        ids = leaking_ade_ids(classes) if chosen is None else {int(e) for e in chosen}
        return SegmentBank(root, exclude=ids, erode=config.erode, part=part)
    names = leaking_categories(classes) if chosen is None else {str(e).lower() for e in chosen}
    if config.kind == 'coco':
        return CocoBank(root, config.split, exclude=names, erode=config.erode, part=part)
    return CutoutBank(root, exclude=names, erode=config.erode, part=part)


def open_mixed_content(
        config: NegativesConfig, data_root: Path, classes: ClassList, *, part: Part = 'all',
) -> MixedContent:
    """Open the configured negatives and the way they are pasted."""
    return MixedContent(
        open_negatives(config, data_root, classes, part=part), count=config.count,
        size=config.size, rectangle_share=config.rectangle_share, feather=config.feather,
        rows=config.rows)


def open_held_out(config: TrainingConfig, data_root: Path) -> PastedNegatives | None:
    """Open the pasted held-out negatives of a configuration, at the size of its validation.

    Returns:
        The set, named `held_out`; None where the configuration holds nothing out.
    """
    held_out, negatives = config.held_out, config.held_out_negatives
    if config.validation is None or held_out is None or negatives is None:
        return None
    classes = class_list(config.classes, data_root)
    assert config.validation.closed_set is not None  # the configuration has checked it
    return PastedNegatives(
        open_inliers(config.validation.closed_set, data_root, classes),
        open_mixed_content(negatives, data_root, classes,
                           part='val' if held_out.negatives is None else 'all'),
        num_classes=len(classes), size=config.validation.size, limit=held_out.limit,
        seed=held_out.seed)


def training_samples(
        config: TrainingConfig, data_root: Path, *,
        on_fault: Callable[[str], None] | None = None) -> TrainingSamples:
    """Build the samples of the whole run, `steps * batch_size` of them.

    Args:
        config: of the run.
        data_root: what `{data}` stands for.
        on_fault: told of labels that cannot be read; None = the first one is an error.

    Raises:
        ValueError, ConfigError: a set is missing, empty, or holds what it may not; the message
            names the file and what is wrong with it.
    """
    classes = class_list(config.classes, data_root)
    unions = coarse_labels(config, classes)
    sources = []
    for inlier in config.inliers:
        pairs = open_inliers(inlier, data_root, classes, unions=unions)
        index = ClassIndex.build(pairs, len(classes), seed=config.seed, on_fault=on_fault)
        sources.append(Source(pairs, index, inlier.share))
    mixed_content = None
    if config.negatives is not None:
        mixed_content = open_mixed_content(
            config.negatives, data_root, classes, part=config.negatives_part)
    crop, photometric = config.crop, config.photometric
    return TrainingSamples(
        sources, RandomCrop(crop.size, crop.scale, crop.scale_draw, crop.flip), mixed_content,
        PhotometricJitter(**dict(photometric)) if photometric is not None else None,
        num_classes=len(classes), class_balanced=crop.class_balanced, seed=config.seed,
        length=config.end * config.batch_size, unions=len(unions),
        mixed_share=1.0 if config.synthetic is None else 1 - config.synthetic.share)
