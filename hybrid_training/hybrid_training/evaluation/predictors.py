# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a model says about one picture, whatever form the model has."""

from __future__ import annotations

from collections.abc import Mapping
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
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.scores import discriminative_score, generative_score, hybrid_score


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
    """A network in PyTorch: hybrid score, both of its parts, and 1 - max softmax beside them.

    Args:
        model: the network; used in eval mode, and left in the mode it came in.
        size: (height, width) that pictures are resized to, multiples of 32.
    """

    def __init__(self, model: DenseHybridNet, size: tuple[int, int]) -> None:
        self._model = model
        self._size = size

    def __call__(self, rgb: NDArray[np.uint8]) -> Prediction:
        """Predict one picture (H, W, 3) uint8 RGB of any size."""
        image = torch.from_numpy(resize_frame(rgb, self._size)).permute(2, 0, 1)[None].float()
        training = self._model.training
        self._model.eval()
        with torch.inference_mode():
            logits, dataset_logit = self._model(image)
            scores = {
                'hybrid': hybrid_score(logits, dataset_logit),
                'discriminative': discriminative_score(dataset_logit),
                'generative': generative_score(logits),
                'max_softmax': 1 - logits.softmax(1).amax(1),
            }
            label = upsample(logits, self._size)[0].max(0).indices.byte().numpy()
            maps = {name: upsample(score[None], self._size)[0, 0].numpy()
                    for name, score in scores.items()}
        self._model.train(training)
        return Prediction(label, maps)


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
