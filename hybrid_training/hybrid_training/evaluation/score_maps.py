# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where the scores of a picture come from: a model, or files that any method wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.predictors import Predictor

_SUFFIXES = ('.npy', '.npz', '.tif', '.tiff', '.hdf5', '.h5')


class ScoreSource(Protocol):
    """Anything that has anomaly scores for the pictures of a set."""

    def scores(self, images: LabeledImages, index: int) -> Mapping[str, NDArray[np.float32]]:
        """Return score maps (h, w) float32 of one picture by name, higher = more anomalous."""


class ModelScores:
    """Scores that a model computes."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def scores(self, images: LabeledImages, index: int) -> Mapping[str, NDArray[np.float32]]:
        """Return the model's score maps, (h, w) float32 by name."""
        return self._predictor(images.image(index)).scores


class ScoreMapFolder:
    """Scores in files `NAME.npy|npz|tif|tiff|hdf5|h5`, NAME as the picture is called in its set.

    HDF5 files hold `value`, as SegmentMeIfYouCan's do; NPZ files one array. Files may lie in the
    folder, in `SET/` below it, or anywhere deeper as long as a name occurs once in `SET/`.

    Args:
        root: the folder.

    Raises:
        ValueError: the folder holds no such file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths = sorted(p for p in root.rglob('*') if p.suffix.lower() in _SUFFIXES)
        if not self._paths:
            msg = f'{root}: no score maps ({", ".join(_SUFFIXES)}) found'
            raise ValueError(msg)

    def scores(self, images: LabeledImages, index: int) -> Mapping[str, NDArray[np.float32]]:
        """Read the score map of one picture, (h, w) float32 under the folder's name."""
        return {self.root.name: read_score_map(self._find(images.root.name, images.names[index]))}

    def _find(self, set_name: str, name: str) -> Path:
        # A name may hold folders (a town, a video) in which pictures are called alike.
        *folders, stem = Path(name).parts
        paths = [p for p in self._paths if p.stem == stem]
        if folders:
            paths = [p for p in paths
                     if list(p.parent.parts[-len(folders):]) == folders] or paths
        inside = [p for p in paths if set_name in p.relative_to(self.root).parts[:-1]]
        paths = inside or paths
        if len(paths) != 1:
            found = ', '.join(str(p) for p in paths) or 'none'
            msg = (f'{self.root}: want one score map for {name}, as {set_name}/{name}.npy or with '
                   f'another of {", ".join(_SUFFIXES)}; found {found}')
            raise ValueError(msg)
        return paths[0]


def read_score_map(path: Path) -> NDArray[np.float32]:
    """Read one score map, (h, w) float32.

    Raises:
        ValueError: the file is unreadable, holds several arrays, or no 2-D array of numbers.
    """
    try:
        stored = _read(path)
        stored = np.squeeze(stored) if stored.ndim > 2 else stored
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        msg = f'{path}: not a readable score map: {error}'
        raise ValueError(msg) from error
    if stored.ndim != 2 or stored.dtype.kind not in 'fiu':
        msg = (f'{path}: want one (height, width) array of numbers, got {stored.dtype} '
               f'{stored.shape}')
        raise ValueError(msg)
    return stored.astype(np.float32)


def _read(path: Path) -> NDArray[np.generic]:
    suffix = path.suffix.lower()
    if suffix == '.npy':
        return np.asarray(np.load(path))
    if suffix == '.npz':
        with np.load(path) as arrays:
            if len(arrays.files) != 1:
                msg = f'want one array, got {", ".join(arrays.files) or "none"}'
                raise ValueError(msg)
            return np.asarray(arrays[arrays.files[0]])
    if suffix in ('.hdf5', '.h5'):
        import h5py

        with h5py.File(path) as file:
            return np.asarray(file['value'])
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        msg = 'OpenCV cannot read it'
        raise OSError(msg)
    return image
