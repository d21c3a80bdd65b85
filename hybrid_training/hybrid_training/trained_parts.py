# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which parameters are trained, at which rate and decay, and which layers stay as they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from hybrid_training.config import OptimizerConfig
from hybrid_training.exceptions import ConfigError
from hybrid_training.models.encoder import TimmEncoder
from hybrid_training.models.upgrade import HybridNet


def freeze(model: HybridNet, config: OptimizerConfig) -> None:
    """Let gradients reach the parts that `optimizer.train` names, and no others.

    Of the encoder, the layers up to `optimizer.frozen_stride` are left out: no gradient is even
    computed for them, and they are where a step's largest maps are.

    Raises:
        ConfigError: `frozen_stride` for an encoder that is not of timm.
    """
    for name, part in model.named_children():
        part.requires_grad_(_is_trained(name, config))
    for layer in _frozen_layers(model, config):
        layer.requires_grad_(False)


def set_training_mode(model: HybridNet, config: OptimizerConfig) -> None:
    """Put trained parts into training mode, all others into evaluation mode.

    A frozen BatchNorm normalises with its running statistics and leaves them as they are; its
    scale and shift are trained where its part is.
    """
    for name, part in model.named_children():
        part.train(_is_trained(name, config))
        if config.batch_norm == 'frozen' or (
                config.batch_norm == 'frozen_encoder' and name == 'encoder'):
            for module in part.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
    for layer in _frozen_layers(model, config):
        layer.eval()


def parameter_groups(
        model: HybridNet, config: OptimizerConfig,
) -> tuple[list[dict[str, Any]], list[float]]:
    """Group the parameters for the optimiser.

    Frozen parameters are in their groups too, so that the state of a run stays loadable when a
    later stage trains them.

    Returns:
        Groups: decoder and heads, then the encoder; with `decay_norm_and_bias` off, the norms'
        and biases of each follow without weight decay. And each group's factor on the rate.
    """
    encoder = list(model.encoder.parameters())
    known = {id(p) for p in encoder}
    rest = [p for p in model.parameters() if id(p) not in known]
    groups: list[dict[str, Any]] = []
    factors: list[float] = []
    for decayed in (True, False):
        for parameters, factor in ((rest, 1.0), (encoder, config.encoder_factor)):
            chosen = [p for p in parameters if _is_decayed(p, config) == decayed]
            if decayed or not config.decay_norm_and_bias:
                groups.append({
                    'params': chosen, 'weight_decay': config.weight_decay if decayed else 0.0})
                factors.append(factor)
    return groups, factors


def _frozen_layers(model: HybridNet, config: OptimizerConfig) -> list[nn.Module]:
    if config.frozen_stride == 0:
        return []
    if not isinstance(model.encoder, TimmEncoder):
        msg = (f'optimizer.frozen_stride: {config.frozen_stride}: only an encoder of timm has '
               'layers that can be frozen by stride; want 0')
        raise ConfigError(msg)
    return model.encoder.layers_to(config.frozen_stride)


def _is_trained(name: str, config: OptimizerConfig) -> bool:
    if config.train == 'heads':
        return name.endswith('_head')
    return config.train == 'all' or name != 'encoder'


def _is_decayed(parameter: torch.Tensor, config: OptimizerConfig) -> bool:
    # Norms and biases are vectors, weights of convolutions are not.
    return config.decay_norm_and_bias or parameter.ndim > 1


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that gradients reach."""
    return [p for p in model.parameters() if p.requires_grad]
