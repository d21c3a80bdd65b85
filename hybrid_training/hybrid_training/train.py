# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import random
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
import yaml

from hybrid_training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hybrid_training.config import (
    OptimizerConfig,
    TrainingConfig,
    class_list,
    resolve,
    stored_classes,
    with_classes,
)
from hybrid_training.exceptions import CheckpointError, DivergedError
from hybrid_training.losses import HybridLoss, LossTerms
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.run_log import RunLog
from hybrid_training.starting_weights import fresh_network, load_start, require_architecture
from hybrid_training.training_data import batches, first_crops, training_samples
from hybrid_training.validation import ValidationReport, validate

LOG_EVERY = 10


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Return the decoder's learning rate of one step: linear warm-up, then polynomial decay."""
    decay = (1 - step / steps) ** config.power
    rate = config.lr * (config.final + (1 - config.final) * decay)
    return rate * min(1.0, (step + 1) / max(1, config.warmup))


def set_learning_rate(
        optimizer: torch.optim.Optimizer, step: int, config: TrainingConfig) -> float:
    """Set the rates of both groups for one step; return the decoder's."""
    rate = learning_rate(step, config.steps, config.optimizer)
    optimizer.param_groups[0]['lr'] = rate
    optimizer.param_groups[1]['lr'] = rate * config.optimizer.encoder_factor
    return rate


def train(config: TrainingConfig, run: Path, *, data_root: Path) -> Path:
    """Train to the last step, resuming from `<run>/last.pt` where there is one.

    Writes `config.yaml`, `train.csv`, `validation.csv`, TensorBoard files, `last.pt` and, by the
    sum of closed mIoU and mean hybrid AP, `best.pt`.

    Returns:
        The last checkpoint.

    Raises:
        CheckpointError: a checkpoint cannot be read or written.
        DivergedError: the loss is not finite; the last good checkpoint stays.
    """
    config = with_classes(config, data_root)
    classes = class_list(config.classes, data_root)
    run.mkdir(parents=True, exist_ok=True)
    (run / 'config.yaml').write_text(
        yaml.safe_dump(config.model_dump(mode='json'), sort_keys=False), encoding='utf-8')
    seed_everything(config.seed)
    torch.set_num_threads(config.threads)
    last = run / 'last.pt'
    model, optimizer, start = start_or_resume(config, last, data_root=data_root)
    average = moving_average(model, config.optimizer.ema, last)
    loss_function = HybridLoss(
        config.loss.weighting, config.loss.beta, config.loss.ignore_is_inlier,
        config.loss.energy_floor, config.loss.prior_shift)
    log, validation_log = RunLog(run, 'train', start=start), RunLog(run, 'validation', start=start)
    samples = training_samples(config, data_root)
    best = max((ValidationReport(values).selection for values in validation_log.kept),
               default=float('-inf'))
    bar = tqdm(total=config.end, initial=start, desc=config.name, unit='step', smoothing=0.05)
    stream = batches(samples, batch_size=config.batch_size, start=start)
    began = time.monotonic()
    for step, (image, label) in enumerate(stream, start=start + 1):
        rate = set_learning_rate(optimizer, step - 1, config)
        terms = training_step(model, optimizer, loss_function, image, label, config)
        if average is not None:
            average.update_parameters(model)
        bar.update()
        if step % LOG_EVERY == 0 or step == config.end:
            values = {k: float(v) for k, v in terms._asdict().items()}
            seconds = (time.monotonic() - began) / (step - start)
            log.write(step, {**values, 'lr': rate, 'seconds_per_step': seconds})
            bar.set_postfix({k: f'{v:.3f}' for k, v in values.items()}, refresh=False)
        due = config.validation is not None and step % config.validation.every == 0
        if due or step == config.end or step % config.checkpoint_every == 0:
            state = Checkpoint(step, model.state_dict(), optimizer.state_dict(),
                               config.model_dump(mode='json'),
                               average.module.state_dict() if average is not None else None)
            if config.validation is not None and (due or step == config.end):
                report = validate(
                    average.module if average is not None else model, config.validation,
                    data_root=data_root, classes=classes)
                validation_log.write(step, report.values)
                bar.write(f'step {step}: ' + report.line())
                if report.selection > best:
                    best = report.selection
                    save_checkpoint(run / 'best.pt', replace(state, optimizer=None))
            # After the validation: a run killed in the middle of it comes back to it.
            save_checkpoint(last, state)
    bar.close()
    log.close()
    validation_log.close()
    return last


def start_or_resume(
        config: TrainingConfig, last: Path, *, data_root: Path,
) -> tuple[DenseHybridNet, torch.optim.Optimizer, int]:
    """Build network and optimiser, as they were left if `last` exists; also the steps done."""
    classes = class_list(config.classes, data_root)
    model = fresh_network(
        config.model, len(classes), data_root=data_root,
        pretrained=config.init is None and not last.is_file())
    checkpoint = None
    if last.is_file():
        checkpoint = load_checkpoint(last)
        if stored_classes(checkpoint.config).names != classes.names:
            msg = f'{last}: trained on other classes than the configuration has; take another run'
            raise CheckpointError(msg)
        require_architecture(last, checkpoint, config.model)
        model.load_state_dict(checkpoint.model)
    elif config.init is not None:
        load_start(model, resolve(config.init, data_root), config.model, classes,
                   crops=lambda: first_crops(config, data_root))
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer(model, config.optimizer)
    if checkpoint is not None and checkpoint.optimizer is not None:
        optimizer.load_state_dict(checkpoint.optimizer)
    return model, optimizer, checkpoint.step if checkpoint else 0


def moving_average(model: DenseHybridNet, decay: float, last: Path) -> AveragedModel | None:
    """Build the moving average of weights and BatchNorm statistics, as `last` left it."""
    if decay == 0:
        return None
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    if last.is_file():
        average.module.load_state_dict(load_checkpoint(last).weights)
        average.n_averaged.fill_(1)  # with 0 the next update would copy the model
    return average


def build_optimizer(model: DenseHybridNet, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Build AdamW with two groups: decoder and heads, then the encoder."""
    encoder = list(model.encoder.parameters())
    known = {id(p) for p in encoder}
    rest = [p for p in model.parameters() if id(p) not in known]
    return torch.optim.AdamW(
        [{'params': rest}, {'params': encoder}], lr=config.lr, weight_decay=config.weight_decay)


def training_step(
        model: DenseHybridNet, optimizer: torch.optim.Optimizer, loss_function: HybridLoss,
        image: torch.Tensor, label: torch.Tensor, config: TrainingConfig) -> LossTerms:
    """Take one optimiser step on image (N, 3, H, W) and label (N, H, W), both uint8.

    Raises:
        DivergedError: the loss is NaN or infinite; the weights are left as they were.
    """
    model.train()
    image = image.float().contiguous(memory_format=torch.channels_last)
    logits, dataset_logit = model(image)
    if config.loss.stride == 1:
        size = label.shape[-2:]
        logits = functional.interpolate(logits, size=size, mode='bilinear')
        dataset_logit = functional.interpolate(
            dataset_logit.unsqueeze(1), size=size, mode='bilinear').squeeze(1)
    else:
        label = label[:, 2::4, 2::4]
    terms = loss_function(logits, dataset_logit, label.long())
    if not torch.isfinite(terms.total):
        msg = (f'the loss is {float(terms.total)}: lower optimizer.lr, or set loss.energy_floor '
               'if negative_likelihood ran away; the last checkpoint is whole')
        raise DivergedError(msg)
    optimizer.zero_grad(set_to_none=True)
    terms.total.backward()
    nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
    optimizer.step()
    return LossTerms(*(t.detach() for t in terms))


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
