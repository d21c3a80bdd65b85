# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Statistics of max logits on labelled known content."""

from __future__ import annotations

import cv2
import torch

from hybrid_training.data.labeled_images import LabeledImages
from hybrid_training.evaluation.measures import image_indices, labels_at
from hybrid_training.evaluation.predictors import NetworkPredictor
from hybrid_training.max_logit_statistics import MaxLogitStatistics


def known_statistics(
        predictor: NetworkPredictor, images: LabeledImages, num_classes: int, *,
        limit: int | None = None) -> MaxLogitStatistics:
    """Collect statistics where a label says that the content is known.

    Args:
        predictor: of the network.
        images: with class labels 0..K-1; everything else is passed over.
        num_classes: K.
        limit: use only this many pictures, evenly spread.
    """
    statistics = MaxLogitStatistics(num_classes)
    for index in image_indices(images, limit):
        logits = predictor.logits(images.image(index)).logits
        label = cv2.resize(labels_at(images, index), logits.shape[:1:-1],
                           interpolation=cv2.INTER_NEAREST_EXACT)
        statistics.update(logits, torch.from_numpy(label < num_classes)[None])
    return statistics
