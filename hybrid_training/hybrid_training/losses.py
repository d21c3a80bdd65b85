# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The compound loss of DenseHybrid (ECCV 2022, eq. 9), in the paper's and the code's weighting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch.nn import functional

Weighting = Literal['paper', 'code']


class LossTerms(NamedTuple):
    """The terms of one batch, scalars, already averaged over their pixels, and their total.

    `negative_energy` is no term: the mean of ln p̂ over negatives, unbounded by whatever bounds the
    term; NaN in a batch without negatives.
    """

    total: torch.Tensor
    classification: torch.Tensor
    negative_likelihood: torch.Tensor
    dataset: torch.Tensor
    negative_energy: torch.Tensor


@dataclass(frozen=True)
class HybridLoss:
    """L = E_in[-ln P(y|x)] + the dataset-posterior and likelihood terms of the negatives.

    Labels are int64: classes 0..K-1, ignore = K, pasted negative = K + 1, and K + 2 + u for a
    pixel that is one of the classes of `unions[u]`. Such a pixel is an inlier, and its
    cross-entropy is minus the log of the summed probabilities of those classes (Bevandić et al.,
    Multi-domain semantic segmentation with overlapping labels, WACV 2022, eq. 3).

    Attributes:
        weighting: 'paper': -E_in[ln P(y|x) + ln P(d_in|x)] - beta E_out[ln P(d_out|x) - ln p̂(x)];
            'code': CE + beta E_out[ln p̂(x)] + 10 beta NLL_d, the last pooled over all pixels.
        beta: weight of the terms on negatives.
        ignore_is_inlier: count ignore pixels as inliers of the dataset posterior, as the released
            traffic code does; False leaves them out.
        energy_floor: ln p̂ of negatives is pushed down to this value and no further; None is the
            paper's unbounded term, which runs away when a network is trained for long.
        energy_margin: (most, least) = (a, b) puts the margin loss of energy-based detection
            (Liu et al., NeurIPS 2020, eq. 7 and 8, with energy = -ln p̂) in place of the
            likelihood term: E_out[max(0, ln p̂ - a)²] + E_in[max(0, b - ln p̂)²], so that ln p̂
            ends below a on negatives and above b on inliers.
        prior_shift: added to the dataset logit here and only here, so that the network itself
            learns ln P(d_out|x) - ln P(d_in|x) for anomalies that are e**prior_shift times rarer
            than the pasted negatives (logit adjustment, Menon et al., ICLR 2021). Without it
            ln P(d_out|x) saturates at 0 on everything suspicious and the hybrid score loses the
            order that this head gives there.
        class_weights: K weights of the classes in the cross-entropy, whose mean then is a weighted
            one; None = all equal, as in the paper. They help rare classes along where training
            is short.
        unions: the classes of each coarse label.
    """

    weighting: Weighting = 'code'
    beta: float = 0.03
    ignore_is_inlier: bool = False
    energy_floor: float | None = None
    prior_shift: float = 0.0
    energy_margin: tuple[float, float] | None = None
    class_weights: tuple[float, ...] | None = None
    unions: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.weighting not in ('paper', 'code'):
            msg = f"loss weighting {self.weighting!r} is not known; use 'paper' or 'code'"
            raise ValueError(msg)
        if self.energy_margin is not None and self.energy_floor is not None:
            msg = 'energy_floor and energy_margin both bound the likelihood term; give one'
            raise ValueError(msg)

    def __call__(
            self, logits: torch.Tensor, dataset_logit: torch.Tensor, labels: torch.Tensor,
    ) -> LossTerms:
        """Return the terms for logits (N, K, H, W), dataset logit (N, H, W), labels (N, H, W).

        A term whose pixels are absent from the batch is zero and carries no gradient.

        Raises:
            ValueError: the shapes do not fit, a label means nothing, or there are not K weights.
        """
        num_classes = logits.shape[1]
        _check(logits, dataset_logit, labels, num_unions=len(self.unions))
        negative = labels == num_classes + 1
        classification = self._classification(logits, labels)
        inlier = (labels < num_classes) | (labels > num_classes + 1)
        energy = torch.logsumexp(logits, dim=1)
        likelihood = self._likelihood(energy, inlier, negative)
        adjusted = dataset_logit + self.prior_shift
        in_nll, out_nll = functional.softplus(adjusted), functional.softplus(-adjusted)
        counted_in = ~negative if self.ignore_is_inlier else inlier
        if self.weighting == 'paper':
            dataset = _mean(in_nll, counted_in) + self.beta * _mean(out_nll, negative)
            total = classification + dataset + self.beta * likelihood
        else:
            dataset = _mean(torch.where(negative, out_nll, in_nll), counted_in | negative)
            total = classification + self.beta * likelihood + 10 * self.beta * dataset
        mean_energy = energy.detach()[negative].mean()  # NaN where there is none
        return LossTerms(total, classification, likelihood, dataset, mean_energy)

    def _classification(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        num_classes = logits.shape[1]
        inlier = labels < num_classes
        target = torch.where(inlier, labels, torch.full_like(labels, -100))
        if self.class_weights is None:
            weights, least, total = None, 1.0, inlier.sum().to(logits.dtype)
        else:
            if len(self.class_weights) != num_classes:
                msg = (f'class_weights: want one for each of the {num_classes} classes, got '
                       f'{len(self.class_weights)}')
                raise ValueError(msg)
            weights, least = logits.new_tensor(self.class_weights), min(self.class_weights)
            total = weights[target.clamp(min=0)][inlier].sum()
        loss = functional.cross_entropy(
            logits, target, weight=weights, ignore_index=-100, reduction='sum')
        for number, members in enumerate(self.unions):
            coarse = labels == num_classes + 2 + number
            if not coarse.any():
                continue
            found = logits.permute(0, 2, 3, 1)[coarse]
            weight = 1.0 if weights is None else float(weights[list(members)].mean())
            loss = loss + weight * (torch.logsumexp(found, dim=1) - torch.logsumexp(
                found[:, list(members)], dim=1)).sum()
            total = total + weight * len(found)
        return loss / total.clamp(min=least)

    def _likelihood(
            self, energy: torch.Tensor, inlier: torch.Tensor, negative: torch.Tensor,
    ) -> torch.Tensor:
        if self.energy_margin is not None:
            most, least = self.energy_margin
            return (_mean((energy - most).clamp(min=0) ** 2, negative)
                    + _mean((least - energy).clamp(min=0) ** 2, inlier))
        if self.energy_floor is not None:
            energy = energy.clamp(min=self.energy_floor)
        return _mean(energy, negative)


def _mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    # torch.where, not a product: 0 * inf would poison the sum.
    return torch.where(mask, values, torch.zeros_like(values)).sum() / mask.sum().clamp(min=1)


def _check(
        logits: torch.Tensor, dataset_logit: torch.Tensor, labels: torch.Tensor, *,
        num_unions: int) -> None:
    expected = (logits.shape[0], *logits.shape[2:])
    if tuple(dataset_logit.shape) != expected or tuple(labels.shape) != expected:
        msg = (f'shapes do not fit: logits {tuple(logits.shape)} want dataset_logit and labels '
               f'{expected}, got {tuple(dataset_logit.shape)} and {tuple(labels.shape)}')
        raise ValueError(msg)
    most = logits.shape[1] + 1 + num_unions
    if int(labels.max()) > most:
        msg = (f'label {int(labels.max())} is above {most}: classes are '
               f'0..{logits.shape[1] - 1}, then ignore, then negative, then coarse labels')
        raise ValueError(msg)
