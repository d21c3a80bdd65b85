# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The endless stream of mixed-content training samples, a pure function of seed and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
import torch
from torch.utils.data import Dataset

from hybrid_training.data.crops import ClassIndex, RandomCrop
from hybrid_training.data.label_ids import FIRST_UNION, PASTED
from hybrid_training.data.labeled_images import LabeledImages, read_pair
from hybrid_training.data.mixed_content import MixedContent
from hybrid_training.data.photometric import PhotometricJitter


@dataclass(frozen=True)
class Source:
    """One inlier set, its index of classes and its share of the samples."""

    pairs: LabeledImages
    classes: ClassIndex
    share: float


class TrainingSamples(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Sample number n is the same in every run, worker and resumption with the same seed.

    Args:
        sources: inlier sets with their shares.
        crop: the random crop.
        mixed_content: the pasting of negatives; None trains closed-set.
        jitter: the photometric jitter; None = none.
        num_classes: K; labels come out as 0..K-1, ignore = K, negative = K + 1.
        class_balanced: share of crops around a class drawn uniformly.
        seed: of everything random here.
        length: how many samples there are.
        mixed_share: of samples that negatives are pasted into.
        unions: how many coarse labels there are; they come out as K + 2 and upwards.
    """

    def __init__(
            self, sources: Sequence[Source], crop: RandomCrop, mixed_content: MixedContent | None,
            jitter: PhotometricJitter | None, *, num_classes: int, class_balanced: float,
            seed: int, length: int, mixed_share: float = 1.0, unions: int = 0) -> None:
        self._sources = tuple(sources)
        shares = np.array([s.share for s in sources], np.float64)
        self._shares = shares / shares.sum()
        self._crop = crop
        self._mixed_content = mixed_content
        self._jitter = jitter
        self._num_classes = num_classes
        self._class_balanced = class_balanced
        self._seed = seed
        self._length = length
        self._mixed_share = mixed_share
        self._ids = np.full(256, num_classes, np.uint8)
        self._ids[:num_classes] = np.arange(num_classes)
        self._ids[PASTED] = num_classes + 1
        for union in range(unions):
            self._ids[FIRST_UNION - union] = num_classes + 2 + union

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return image (3, H, W) uint8 and label (H, W) uint8 of one sample."""
        return self.draw(number)

    def draw(self, number: int, attempt: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one sample, or another one in its place for each `attempt` above 0.

        Raises:
            ValueError: an image, a label or a negative cannot be used; the message names it.
        """
        cv2.setNumThreads(0)
        rng = np.random.default_rng((self._seed, number, attempt) if attempt else
                                    (self._seed, number))
        image, label = self._inlier(rng)
        # With a share of 1 nothing is drawn: such runs are as they were before there was one.
        spared = self._mixed_share < 1 and rng.random() >= self._mixed_share
        if self._mixed_content is not None and not spared:
            self._mixed_content.paste(image, label, rng=rng)
        label = self._ids[label]
        if self._jitter is not None:
            image = self._jitter(image, rng)
        return torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(label)

    def _inlier(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        source = self._sources[int(rng.choice(len(self._sources), p=self._shares))]
        around = None
        if rng.random() < self._class_balanced:
            index, around = source.classes.draw(rng)
        else:
            index = int(rng.integers(len(source.pairs)))
        image, label = read_pair(source.pairs, index)
        nominal = source.pairs.size or (image.shape[0], image.shape[1])
        return self._crop(image, label, nominal, around=around, rng=rng)
