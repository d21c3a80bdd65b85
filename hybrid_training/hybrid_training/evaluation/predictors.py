# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a model says about one picture, whatever form the model has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
import torch
from torch.nn import functional

from hybrid_perception.backends.base import Backend
from hybrid_perception.geometry import resize_frame
from hybrid_perception.manifest import Manifest
from hybrid_perception.segmentation import Segmenter
from hybrid_training.max_logit_statistics import MaxLogitStatistics
from hybrid_training.models.dense_hybrid import DenseHybridNet, HybridLogits
from hybrid_training.models.upgrade import UpgradedNet
from hybrid_training.scores import SCORES

PARTS = ('hybrid', 'discriminative', 'generative', 'max_softmax')
"""The hybrid score, both of its parts, and the baseline that everyone knows."""
STANDARDIZED = 'standardized_max_logit'


@dataclass(frozen=True)
class Prediction:
    """Maps at the network's size.

    Attributes:
        label: closed-set argmax, (h, w) uint8.
        scores: anomaly score maps by name, each (h, w) float32, higher = more anomalous.
    """

    label: NDArray[np.uint8]
    scores: Mapping[str, NDArray[np.float32]]


class Predictor(Protocol):
    """Anything that segments a picture and scores its pixels."""

    def __call__(self, rgb: NDArray[np.uint8]) -> Prediction:
        """Predict one picture (H, W, 3) uint8 RGB of any size."""


class NetworkPredictor:
    """A network in PyTorch, with scores of one's choice from the same logits.

    Args:
        model: the network; used in eval mode, and left in the mode it came in.
        size: (height, width) that pictures are resized to, multiples of 32.
        scores: names in `hybrid_training.scores.SCORES`.
        statistics: of known content; adds the score `standardized_max_logit`.

    Raises:
        ValueError: there is no score of a name, or the size is no multiple of 32.
    """

    def __init__(
            self, model: DenseHybridNet | UpgradedNet, size: tuple[int, int], *,
            scores: Sequence[str] = PARTS, statistics: MaxLogitStatistics | None = None) -> None:
        unknown = sorted(set(scores) - set(SCORES))
        if unknown:
            msg = f'no score is called {", ".join(unknown)}; there are {", ".join(SCORES)}'
            raise ValueError(msg)
        if any(n < 32 or n % 32 for n in size):
            msg = (f'size {size[1]}x{size[0]}: width and height must be multiples of 32, the '
                   f'stride of the network')
            raise ValueError(msg)
        self._model = model
        self._size = size
        self._scores = tuple(scores)
        self.statistics = statistics

    def __call__(self, rgb: NDArray[np.uint8]) -> Prediction:
        """Predict one picture (H, W, 3) uint8 RGB of any size."""
        logits, dataset_logit = self.logits(rgb)
        with torch.inference_mode():
            scores = {name: SCORES[name](logits, dataset_logit) for name in self._scores}
            if self.statistics is not None:
                scores[STANDARDIZED] = self.statistics.score(logits)
            label = upsample(logits, self._size)[0].max(0).indices.byte().numpy()
            maps = {name: upsample(score[None], self._size)[0, 0].numpy()
                    for name, score in scores.items()}
        return Prediction(label, maps)

    def logits(self, rgb: NDArray[np.uint8]) -> HybridLogits:
        """Return what both heads say about one picture (H, W, 3) uint8 RGB of any size."""
        device = next(self._model.parameters()).device
        image = torch.from_numpy(resize_frame(rgb, self._size)).to(device)
        image = image.permute(2, 0, 1)[None].float()
        training = self._model.training
        self._model.eval()
        with torch.inference_mode():
            found: HybridLogits = self._model(image)
        self._model.train(training)
        return HybridLogits(found.logits.cpu(), found.dataset_logit.cpu())


class ExportedPredictor:
    """An exported graph: its label and its hybrid score."""

    def __init__(self, manifest: Manifest, backend: Backend) -> None:
        self._segmenter = Segmenter(manifest, backend, output_size='network')

    def __call__(self, rgb: NDArray[np.uint8]) -> Prediction:
        """Predict one picture (H, W, 3) uint8 RGB of any size."""
        segmentation = self._segmenter.segment(rgb)
        return Prediction(segmentation.label, {'hybrid': segmentation.anomaly_score})


def upsample(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Upsample (N, C, h, w) to (N, C, H, W) bilinearly, half-pixel centres."""
    return functional.interpolate(maps, size=size, mode='bilinear', align_corners=False)
