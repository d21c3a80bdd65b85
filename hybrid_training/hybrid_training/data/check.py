# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Read every file of a set and tell what is in it and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hybrid_training.data.image_files import png_header
from hybrid_training.data.label_codes import spans
from hybrid_training.data.label_ids import VOID
from hybrid_training.data.labeled_images import ListedPairs, Pair
from hybrid_training.data.set_spec import Rules, SetSpec

ASPECT_TOLERANCE = 0.01
USUAL_GAMMA = 1 / 2.2


@dataclass
class CheckReport:
    """What was found in a set.

    Attributes:
        images: number of pairs.
        label_files: number of pairs that have a label file.
        labeled: number of those whose label file is readable and of allowed values.
        sizes: number of images by (height, width).
        values: (256,) pixels by value of the label files.
        meanings: (256,) pixels by what the values mean.
        files: (256,) label files by what occurs in them.
        faults: what must be mended, each with file and value.
        warnings: what may be meant.
    """

    images: int = 0
    label_files: int = 0
    labeled: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    values: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    meanings: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    files: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_set(spec: SetSpec, pairs: ListedPairs) -> CheckReport:
    """Read every image and label of a set; faults are collected, not raised."""
    report = CheckReport(
        images=len(pairs), label_files=sum(p.label is not None for p in pairs.pairs))
    if not pairs.pairs:
        report.faults.append(f'{pairs.root}: the set is empty')
    without_void = []
    for index in tqdm(range(len(pairs)), desc=spec.name, leave=False, disable=None):
        try:
            shape = pairs.image(index).shape[:2]
        except ValueError as error:
            report.faults.append(str(error))
            continue
        report.sizes[shape] += 1
        pair = pairs.pairs[index]
        report.faults += _size_faults(pair.image, shape, spec.rules)
        if pair.label is None:
            continue
        meaning = _check_label(report, spec, pairs, index, shape)
        if meaning is not None and not (meaning == VOID).any():
            without_void.append(pair.label)
    _check_whole(report, spec, pairs, without_void)
    return report


def _check_label(
        report: CheckReport, spec: SetSpec, pairs: ListedPairs, index: int,
        shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Check one label file; return what it means, None where that cannot be told."""
    path = pairs.pairs[index].label
    assert path is not None
    try:
        stored = pairs.stored_label(index)
    except ValueError as error:
        report.faults.append(str(error))
        return None
    gamma = png_header(path).gamma
    if gamma is not None and not spec.rules.gamma:
        report.faults.append(
            f'{path}: a label PNG with a gamma chunk ({gamma:g}); readers that honour it change '
            'the ids: save it again without')
    if stored.shape != shape:
        report.faults.append(
            f'{path}: {stored.shape[1]}x{stored.shape[0]}, but its image is '
            f'{shape[1]}x{shape[0]}; they must be of one size')
    counts = np.bincount(stored.ravel(), minlength=256)
    report.values += counts
    fault = pairs.codes.fault(counts)
    if fault:
        report.faults.append(f'{path}: {fault}{_hint(spec, pairs, counts)}')
        return None
    meaning = pairs.codes.table[stored]
    found = np.bincount(meaning.ravel(), minlength=256)
    report.meanings += found
    report.files += found > 0
    report.labeled += 1
    if spec.kind == 'anomaly' and looks_swapped(meaning):
        share = found[1] / max(1, found[0] + found[1])
        report.faults.append(
            f'{path}: {share:.0%} of the labelled pixels, the border among them, are anomaly '
            '(1): are 0 and 1 swapped?')
    return meaning


def looks_swapped(mask: NDArray[np.uint8]) -> bool:
    """Tell whether anomalies fill most of a mask and of its border, as known things should."""
    known = mask != VOID
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    border = border[border != VOID]
    return bool(known.any() and (mask[known] == 1).mean() > 0.5
                and (not len(border) or (border == 1).mean() > 0.5))


def _size_faults(path: Path, shape: tuple[int, ...], rules: Rules) -> list[str]:
    aspect = shape[1] / shape[0]
    if not rules.aspects or any(abs(aspect / a - 1) < ASPECT_TOLERANCE for a in rules.aspects):
        return []
    wanted = ' or '.join(f'{a:.3g}' for a in rules.aspects)
    return [f'{path}: {shape[1]}x{shape[0]}, width over height is {aspect:.3g}; want {wanted}: '
            'squeezed or cropped']


def _hint(spec: SetSpec, pairs: ListedPairs, counts: NDArray[np.int64]) -> str:
    found = set(np.flatnonzero(counts).tolist())
    if spec.kind == 'anomaly' and pairs.codes.allowed[VOID] and 2 in found and VOID not in found:
        return ': is 2 the void value? write 255'
    if spec.name.startswith('cityscapes') and found <= {*range(19), VOID}:
        return ': these are labelTrainIds; want labelIds'
    if spec.name == 'streethazards' and 0 in found:
        return ': ids are 1..14 as published; these seem shifted by one'
    if spec.kind == 'inlier':
        meant = pairs.codes.table[pairs.codes.allowed]
        known = int(meant[meant != VOID].max()) + 1
        if counts[known] and not pairs.codes.allowed[known]:
            return f': is {known} the void value? write 255, or name it under ignore'
    return ''


def _check_whole(
        report: CheckReport, spec: SetSpec, pairs: ListedPairs, without_void: list[Path]) -> None:
    rules = spec.rules
    void_values = spans(np.flatnonzero(pairs.codes.allowed & (pairs.codes.table == VOID)))
    missing = f'no pixel is void ({void_values}), as some are in every copy of {spec.name}'
    if rules.void == 'file':
        report.faults += [f'{p}: {missing}: was void turned into something else?'
                          for p in without_void]
    elif rules.void == 'set' and report.labeled and len(without_void) == report.labeled:
        report.faults.append(f'{without_void[0]} and all others: {missing}')
    if spec.kind == 'anomaly' and report.labeled and not report.meanings[1]:
        hint = ('; 255 is void here: was anomaly written as 255?' if report.meanings[VOID]
                else '')
        values = spans(np.flatnonzero(report.values))
        report.faults.append(
            f'{pairs.root}: no mask holds an anomaly, the values found are {values}{hint}')
    if not rules.aspects and report.sizes and all(h == w for h, w in report.sizes):
        report.warnings.append(
            'every image is square: if they were squeezed, set "size" of the camera\'s aspect')
    gammas = [p.image for p in pairs.pairs if _unusual_gamma(p)]
    if gammas and not rules.gamma:
        report.warnings.append(
            f'{len(gammas)} images have an unusual gamma chunk, the first is {gammas[0]}; this '
            'package reads their values as stored, other programs show them otherwise')


def _unusual_gamma(pair: Pair) -> bool:
    if pair.image.suffix.lower() != '.png' or not pair.image.is_file():
        return False
    try:
        gamma = png_header(pair.image).gamma
    except ValueError:
        return False
    return gamma is not None and abs(gamma - USUAL_GAMMA) > 0.01
