# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Balance of the two parts of the hybrid score, chosen on held-out negatives.

ln P(d_out|x) and ln p̂(x) come from heads with different losses, so their scales need not fit. A
factor on the dataset logit is the inverse temperature of the dataset posterior (after Guo et al.,
ICML 2017); it goes into the weights of the head, and the definition of the score stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
import torch
from tqdm import tqdm

from hybrid_perception.metrics import average_precision
from hybrid_training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hybrid_training.config import TrainingConfig, stored_classes, stored_model
from hybrid_training.data.held_out import PastedNegatives
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.models.network import build_network
from hybrid_training.training_data import open_held_out

SCALES = (0.5, 0.7, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""Factors that are tried."""


@dataclass(frozen=True)
class Parts:
    """What both heads say of the pixels of a set, pooled, each (N,), and the mask of the set.

    Attributes:
        likelihood: ln p̂(x), float32.
        dataset_logit: z, float32.
        target: 0 known, 1 negative, 255 void, uint8.
    """

    likelihood: NDArray[np.float32]
    dataset_logit: NDArray[np.float32]
    target: NDArray[np.uint8]

    def average_precision(self, scale: float) -> float:
        """Return the AP of the hybrid score with the dataset logit times `scale`."""
        score = -np.logaddexp(0, -scale * self.dataset_logit) - self.likelihood
        return average_precision(score.astype(np.float32), self.target)


def pool_parts(model: DenseHybridNet, negatives: PastedNegatives) -> Parts:
    """Run the network over a set; pixels at stride 4, masks at the nearest pixel."""
    likelihood, dataset_logit, target = [], [], []
    for index in tqdm(range(len(negatives)), desc='held-out negatives', leave=False,
                      disable=None):
        image = torch.from_numpy(negatives.image(index)).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            logits, z = model(image)
        size = (z.shape[2], z.shape[1])
        likelihood.append(torch.logsumexp(logits, 1).numpy().ravel())
        dataset_logit.append(z.numpy().ravel())
        target.append(cv2.resize(
            negatives.label(index), size, interpolation=cv2.INTER_NEAREST_EXACT).ravel())
    return Parts(*(np.concatenate(values) for values in (likelihood, dataset_logit, target)))


def best_scale(
        parts: Parts, scales: Sequence[float] = SCALES) -> tuple[float, dict[float, float]]:
    """Return the scale with the greatest AP, the nearest to 1 of equals, and every AP."""
    found = {scale: parts.average_precision(scale) for scale in scales}
    return max(found, key=lambda s: (found[s], -abs(np.log(s)))), found


def balance(source: Path, output: Path, data_root: Path) -> tuple[float, dict[float, float]]:
    """Write a checkpoint whose heads are balanced on the negatives that its run held out.

    Returns:
        The factor on the dataset logit, and the AP of the hybrid score by factor.

    Raises:
        CheckpointError: `source` is not whole, or `output` cannot be written.
        ValueError: the run held no negatives out.
    """
    checkpoint = load_checkpoint(source)
    negatives = open_held_out(TrainingConfig.model_validate(checkpoint.config), data_root)
    if negatives is None:
        msg = (f'{source}: its run held no negatives out; set validation.held_out_negatives '
               f'before training')
        raise ValueError(msg)
    model = build_network(stored_model(checkpoint.config),
                          len(stored_classes(checkpoint.config)), pretrained=False)
    model.load_state_dict(checkpoint.weights)
    scale, found = best_scale(pool_parts(model.eval(), negatives))
    save_checkpoint(output, scaled(checkpoint, scale))
    return scale, found


def scaled(checkpoint: Checkpoint, scale: float) -> Checkpoint:
    """Return a checkpoint, for its weights alone, whose dataset logit is `scale` times greater."""
    def change(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value * scale if name.startswith('dataset_head.') else value
                for name, value in weights.items()}

    average = change(checkpoint.average) if checkpoint.average is not None else None
    return replace(
        checkpoint, model=change(checkpoint.model), average=average, optimizer=None)
