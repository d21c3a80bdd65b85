# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""SegmentMeIfYouCan's submission form."""

from __future__ import annotations

from pathlib import Path
import re

import h5py
import numpy as np

from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.measures import image_indices, resize_score
from hybrid_training.evaluation.score_maps import ScoreSource


def write_submission(
        source: ScoreSource, images: LabeledImages, output: Path, *, method: str, dataset: str,
        score: str | None = None) -> int:
    """Write `anomaly_p/METHOD/DATASET/FRAME.hdf5`, dataset `value`, float16, at image size.

    Labels are not read, so test splits serve.

    Args:
        source: of the scores.
        images: the frames.
        output: folder that gets `anomaly_p`.
        method: name of the method.
        dataset: the benchmark's name of the set, such as AnomalyTrack-all.
        score: which score; None = the hybrid one, or the only one.

    Returns:
        The number of frames.

    Raises:
        ValueError: a name that is no file name, no such score, or scores that float16 cannot hold.
    """
    for name in (method, dataset):
        if not re.fullmatch(r'[\w.-]+', name) or set(name) == {'.'}:
            msg = f'{name!r} becomes a folder; want letters, digits, ".", "_" and "-"'
            raise ValueError(msg)
    folder = output / 'anomaly_p' / method / dataset
    folder.mkdir(parents=True, exist_ok=True)
    for index in image_indices(images, None):
        found = source.scores(images, index)
        key = score or ('hybrid' if 'hybrid' in found else next(iter(found)))
        if key not in found:
            msg = f'no score is called {key}; there are {", ".join(found)}'
            raise ValueError(msg)
        size = images.image(index).shape[:2]
        # Cast last: float16 is too coarse to compute with.
        with np.errstate(over='ignore'):
            value = resize_score(found[key], size).astype(np.float16)
        frame = images.names[index]
        if not np.isfinite(value).all():
            msg = (f'{frame}: the score {key} is not finite in float16 (largest 65504); scale it '
                   f'down before submitting')
            raise ValueError(msg)
        path = folder / f'{frame}.hdf5'
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, value)
    return len(images)


def _write(path: Path, value: np.ndarray) -> None:
    draft = path.with_suffix('.part')
    with h5py.File(draft, 'w') as file:
        file.create_dataset('value', data=value, compression='gzip', compression_opts=4)
    draft.replace(path)
