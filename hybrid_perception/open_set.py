# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The hybrid anomaly score and what follows from a threshold on it.

A pixel is unknown if its score is greater than or equal to the threshold. NaN means that nothing
is said about the pixel; it is never unknown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.buffers import BufferPool, take
from hybrid_perception.exceptions import ParameterError


def hybrid_score(
    logits: NDArray[np.float32], dataset_logit: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compute ``ln P(d_out|x) - ln p̂(x)``, higher = more anomalous.

    Both terms are evaluated in their stable form, ``-softplus(-z) - logsumexp_k(s_k)``: the log of
    a softmax would reach -inf for sure inliers.

    Args:
        logits: (K, ...) class logits s before the softmax.
        dataset_logit: (...) log-odds z = ln P(d_out|x) - ln P(d_in|x).

    Returns:
        (...) float32, unbounded, in nats.

    Raises:
        ParameterError: The shapes do not fit together.

    Source: DenseHybrid (ECCV 2022), hybrid anomaly score s_H.
    """
    if logits.ndim < 1 or logits.shape[1:] != dataset_logit.shape:
        raise ParameterError(
            f'logits of shape {logits.shape} need a dataset logit of shape {logits.shape[1:]}; '
            f'it is {dataset_logit.shape}'
        )
    largest = logits.max(axis=0)
    log_likelihood = largest + np.log(np.exp(logits - largest).sum(axis=0))
    log_outlier = -np.logaddexp(np.zeros_like(dataset_logit), -dataset_logit)
    return np.asarray(log_outlier - log_likelihood, dtype=np.float32)


def open_set_mask(
    score: NDArray[np.float32], threshold: float, *, buffers: BufferPool | None = None
) -> NDArray[np.uint8]:
    """Mark the unknown pixels.

    Args:
        score: (H, W) float32 anomaly score; NaN where nothing is said.
        threshold: Lowest score of an unknown pixel.
        buffers: Where memory comes from; None for new memory.

    Returns:
        (H, W) uint8, 255 where unknown, else 0.
    """
    mask = _is_unknown(score, threshold, buffers).view(np.uint8)
    np.multiply(mask, np.uint8(255), out=mask)
    return mask


def open_set_label(
    label: NDArray[np.uint8], score: NDArray[np.float32], threshold: float, unknown_id: int, *,
    buffers: BufferPool | None = None,
) -> NDArray[np.uint8]:
    """Write the unknown class into a closed-set label.

    Args:
        label: (H, W) uint8 closed-set class ids, 255 = unlabeled.
        score: (H, W) float32 anomaly score; NaN where nothing is said.
        threshold: Lowest score of an unknown pixel.
        unknown_id: Id to write, usually K.
        buffers: Where memory comes from; None for new memory.

    Returns:
        (H, W) uint8, an array of its own.

    Raises:
        ParameterError: Label and score differ in shape, or the unknown id does not fit uint8.
    """
    if label.shape != score.shape:
        raise ParameterError(
            f'label {label.shape} and anomaly score {score.shape} must have the same shape'
        )
    if not 0 <= unknown_id <= 255:
        raise ParameterError(f'unknown id {unknown_id} does not fit a mono8 label (0..255)')
    open_set = take(buffers, label.shape, np.uint8)
    np.copyto(open_set, label)
    np.copyto(open_set, np.uint8(unknown_id), where=_is_unknown(score, threshold, buffers))
    return open_set


def confidence(
    score: NDArray[np.float32], threshold: float, full_range: float, *,
    buffers: BufferPool | None = None,
) -> NDArray[np.float32]:
    """Say how far each pixel is from being labelled otherwise.

    ``min(|score - threshold| / full_range, 1)``: 0 at the threshold, where known and unknown
    change places, and 1 from ``full_range`` on, on either side. It belongs to the open-set label.
    It is a margin on a fixed scale and not a probability: the graph gives no class posterior, and
    the score is a log ratio that nothing calibrates. It says nothing on which of the known classes
    it is.

    Args:
        score: (...) float32 anomaly score; NaN where nothing is said.
        threshold: Lowest score of an unknown pixel.
        full_range: Distance from the threshold at which confidence is full, above 0; in nats for
            the hybrid score.
        buffers: Where memory comes from; None for new memory.

    Returns:
        (...) float32, 0..1; 0 where nothing is said.

    Raises:
        ParameterError: The threshold is NaN, or the range is not a finite number above 0.
    """
    if np.isnan(threshold) or not 0 < full_range < np.inf:
        raise ParameterError(
            f'the threshold is {threshold} and the range of the confidence {full_range}; want '
            'a number, and a finite number above 0')
    margin = take(buffers, score.shape, np.float32)
    np.subtract(score, np.float32(threshold), out=margin)
    np.abs(margin, out=margin)
    margin *= np.float32(1 / full_range)
    np.fmin(margin, 1, out=margin)
    # NaN is the one value that fmin turns into 1.
    nothing_said = np.isnan(score, out=take(buffers, score.shape, np.bool_))
    np.copyto(margin, 0, where=nothing_said)
    return margin


def _is_unknown(
    score: NDArray[np.float32], threshold: float, buffers: BufferPool | None
) -> NDArray[np.bool_]:
    # A NaN threshold would silently turn the detector off.
    if np.isnan(threshold):
        raise ParameterError('the anomaly threshold is NaN; give a number or +inf to switch off')
    # A Python float is compared in the score's own precision, so a threshold read from a float32
    # score includes that very pixel.
    with np.errstate(invalid='ignore'):
        unknown: NDArray[np.bool_] = np.greater_equal(
            score, float(threshold), out=take(buffers, score.shape, np.bool_))
    return unknown
