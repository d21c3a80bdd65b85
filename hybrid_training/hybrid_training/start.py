# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where a run starts: at ImageNet weights, at another checkpoint, or where it was left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import TrainingConfig, class_list, resolve, stored_classes
from hybrid_training.exceptions import CheckpointError
from hybrid_training.flow.synthetic_negatives import SyntheticNegatives
from hybrid_training.learner import Learner
from hybrid_training.starting_weights import fresh_network, load_start, require_architecture
from hybrid_training.training_data import coarse_labels


def start_or_resume(
        config: TrainingConfig, last: Path, *, device: torch.device, data_root: Path,
        crops: Callable[[], torch.Tensor]) -> Learner:
    """Build network and optimiser on a device, as they were left if `last` exists.

    Args:
        config: of the run.
        last: its last checkpoint, where there is one.
        device: where it trains.
        data_root: what `{data}` stands for.
        crops: makes the first training crops (N, 3, H, W) uint8, for a start from an exported
            model.

    Raises:
        CheckpointError: a checkpoint cannot be read, or does not fit the configuration.
    """
    classes = class_list(config.classes, data_root)
    model = fresh_network(
        config.model, len(classes), data_root=data_root,
        pretrained=config.init is None and not last.is_file())
    if not last.is_file():
        if config.init is not None:
            load_start(model, resolve(config.init, data_root), config.model, classes,
                       prior_shift=config.loss.prior_shift, crops=crops)
        learner = Learner(
            model.to(device), config, unions=coarse_labels(config, classes))
        flow = config.synthetic.init if config.synthetic is not None else None
        if learner.synthetic is not None and flow is not None:
            load_flow(learner.synthetic, resolve(flow, data_root))
        return learner
    checkpoint = load_checkpoint(last)
    if stored_classes(checkpoint.config).names != classes.names:
        msg = f'{last}: trained on other classes than the configuration has; take another run'
        raise CheckpointError(msg)
    require_architecture(last, checkpoint, config.model)
    learner = Learner(
        model.to(device), config, unions=coarse_labels(config, classes))
    try:
        learner.restore(checkpoint)
    except (RuntimeError, ValueError, KeyError) as error:
        msg = (f'{last}: does not fit the configuration ({error}); go on with the configuration '
               'that it was trained with, or take another run')
        raise CheckpointError(msg) from error
    return learner


def load_flow(synthetic: SyntheticNegatives, path: Path) -> None:
    """Take the flow of another run.

    Raises:
        CheckpointError: no whole checkpoint, or none with such a flow.
    """
    state = load_checkpoint(path).synthetic
    if state is None:
        msg = f'synthetic.init: {path}: was trained without the section "synthetic", has no flow'
        raise CheckpointError(msg)
    try:
        synthetic.start_from(state)
    except RuntimeError as error:
        msg = (f'synthetic.init: {path}: holds a flow of other synthetic.couplings or hidden '
               f'({error})')
        raise CheckpointError(msg) from error
