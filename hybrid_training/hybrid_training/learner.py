# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A network with everything that its training changes: optimiser, average, scaler, watch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hybrid_training.checkpoint import Checkpoint
from hybrid_training.config import Precision, TrainingConfig
from hybrid_training.energy_watch import EnergyWatch
from hybrid_training.exceptions import DivergedError
from hybrid_training.flow.synthetic_negatives import SyntheticNegatives
from hybrid_training.losses import HybridLoss, LossTerms
from hybrid_training.models.dense_hybrid import HybridLogits
from hybrid_training.models.upgrade import HybridNet
from hybrid_training.precision import autocast, gradient_scaler
from hybrid_training.schedule import learning_rate
from hybrid_training.trained_parts import (
    freeze,
    parameter_groups,
    set_training_mode,
    trainable,
)

LEAST_SCALE = 2.0 ** -10


class Learner:
    """Takes the optimiser steps of one run.

    Args:
        model: the network, on the device that it is trained on.
        config: of the run.
        unions: the train ids of each coarse label (`training_data.coarse_labels`).
    """

    def __init__(
            self, model: HybridNet, config: TrainingConfig, *,
            unions: tuple[tuple[int, ...], ...] = ()) -> None:
        self.step = 0
        self._config = config
        self._model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = next(model.parameters()).device
        freeze(model, config.optimizer)
        groups, self._factors = parameter_groups(model, config.optimizer)
        self._optimizer = torch.optim.AdamW(groups, lr=config.optimizer.lr)
        self._scaler = gradient_scaler(self._device, config.precision)
        self._average = moving_average(model, config.optimizer.ema)
        self._loss = HybridLoss(
            **config.loss.model_dump(exclude={'stride', 'runaway_bound'}), unions=unions)
        self.watch = EnergyWatch(config.loss.runaway_bound)
        self.synthetic = None if config.synthetic is None else SyntheticNegatives(
            config.synthetic, num_classes=model.num_classes, seed=config.seed,
            device=self._device)

    @property
    def evaluated(self) -> HybridNet:
        """The network to measure: the average of the weights where one is kept."""
        if self._average is None:
            return self._model
        module: HybridNet = self._average.module
        return module

    @property
    def rate(self) -> float:
        """Learning rate of the decoder at the last step taken."""
        return float(self._optimizer.param_groups[0]['lr'])

    def state(self) -> Checkpoint:
        """Return everything that `restore` needs; tensors are the live ones."""
        return Checkpoint(
            self.step, self._model.state_dict(), self._optimizer.state_dict(),
            self._config.model_dump(mode='json'),
            self._average.module.state_dict() if self._average is not None else None,
            self._scaler.state_dict() or None, self.watch.kept,
            self.synthetic.state() if self.synthetic is not None else None)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same architecture, of whatever device.

        Raises:
            RuntimeError, ValueError: the checkpoint has other weights or parameter groups.
        """
        self.step = checkpoint.step
        self._model.load_state_dict(checkpoint.model)
        if checkpoint.optimizer is not None:
            decays = [group['weight_decay'] for group in self._optimizer.param_groups]
            self._optimizer.load_state_dict(checkpoint.optimizer)
            for group, decay in zip(self._optimizer.param_groups, decays, strict=True):
                group['weight_decay'] = decay  # what the configuration says now
        if checkpoint.scaler is not None and self._scaler.is_enabled():
            self._scaler.load_state_dict(checkpoint.scaler)
        if self._average is not None:
            self._average.module.load_state_dict(checkpoint.weights)
            self._average.n_averaged.fill_(1)  # with 0 the next update would copy the model
        self.watch.restore(checkpoint.negative_energies)
        if self.synthetic is not None and checkpoint.synthetic is not None:
            self.synthetic.restore(checkpoint.synthetic)

    def learn(self, image: torch.Tensor, label: torch.Tensor) -> LossTerms:
        """Take one optimiser step on image (N, 3, H, W) and label (N, H, W), both uint8.

        What is random in the network (dropout) is decided by seed and step alone.

        Raises:
            DivergedError: the loss or a gradient is NaN or infinite; the weights are as before.
        """
        torch.manual_seed(_step_seed(self._config.seed, self.step))
        rate = learning_rate(self.step, self._config.steps, self._config.optimizer)
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group['lr'] = rate * factor
        set_training_mode(self._model, self._config.optimizer)
        image = image.to(self._device, non_blocking=True)
        label = label.to(self._device, non_blocking=True)
        mixed = (image, label) if self.synthetic is None else self.synthetic.paste(
            image, label, step=self.step)
        terms = self.loss(*mixed)
        if not torch.isfinite(terms.total):
            raise DivergedError(_diverged(f'the loss is {terms.total.item()}', self.step + 1))
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(terms.total).backward()
        self._update()
        if self.synthetic is not None:
            self.synthetic.learn(
                image, label, step=self.step, model=self._model, segment=self._segment)
        self.step += 1
        self.watch.update(float(terms.negative_energy))
        return LossTerms(*(t.detach() for t in terms))

    def loss(self, image: torch.Tensor, label: torch.Tensor) -> LossTerms:
        """Return the loss terms of a batch, in fp32 whatever the network computes in."""
        image = image.to(self._device, non_blocking=True)
        label = label.to(self._device, non_blocking=True)
        logits, dataset_logit = self._forward(image.float(), self._config.precision)
        if self._config.loss.stride == 1:
            size = label.shape[-2:]
            logits = functional.interpolate(logits, size=size, mode='bilinear')
            dataset_logit = functional.interpolate(
                dataset_logit.unsqueeze(1), size=size, mode='bilinear').squeeze(1)
        else:
            label = label[:, 2::4, 2::4]
        return self._loss(logits, dataset_logit, label.long())

    def _forward(self, image: torch.Tensor, precision: Precision) -> HybridLogits:
        image = image.contiguous(memory_format=torch.channels_last)
        with autocast(self._device, precision):
            logits, dataset_logit = self._model(image)
        return HybridLogits(logits.float(), dataset_logit.float())

    def _segment(self, image: torch.Tensor) -> torch.Tensor:
        # Without a scaler of its own, the flow's gradient would vanish in fp16.
        precision = self._config.precision
        return self._forward(image, 'fp32' if precision == 'fp16' else precision).logits

    def _update(self) -> None:
        self._scaler.unscale_(self._optimizer)
        norm = nn.utils.clip_grad_norm_(
            trainable(self._model), self._config.optimizer.clip_norm)
        if not self._scaler.is_enabled() and not torch.isfinite(norm):
            # Before the step: weights that took it would soon be in a checkpoint.
            raise DivergedError(_diverged(f'the gradient norm is {norm.item()}', self.step + 1))
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._scaler.is_enabled() and self._scaler.get_scale() < LEAST_SCALE:
            raise DivergedError(_diverged(
                'fp16 gradients overflow at every scale; use precision: bf16', self.step + 1))
        if self._average is not None:
            self._average.update_parameters(self._model)


def moving_average(model: HybridNet, decay: float) -> AveragedModel | None:
    """Build the moving average of weights and BatchNorm statistics; None where decay is 0."""
    if decay == 0:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence((seed, step)).generate_state(1)[0])


def _diverged(what: str, step: int) -> str:
    return (f'step {step}: {what}: lower optimizer.lr, or set loss.energy_floor if '
            'negative_energy ran away; the last checkpoint is whole')
