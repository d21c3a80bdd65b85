# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From an exported graph back to a network that can be trained.

Export folds each BatchNorm into the convolution before it, so that a graph holds weight W and bias
b alone. Any statistics m, v of the convolution's output give back a BatchNorm that makes no
difference: mean m, variance v, scale sqrt(v + eps), shift b + m. With the statistics of training
crops, batches look to it as they did in the training that made the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import nn

from hybrid_training.exceptions import CheckpointError
from hybrid_training.export.normalisation import SUFFIX
from hybrid_training.models.dense_hybrid import DenseHybridNet

BATCH = 4
_HEADS = ('class_head.', 'dataset_head.')


def read_initializers(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of an ONNX file by name, floating ones as float32.

    Raises:
        CheckpointError: no such file, or no ONNX.
    """
    try:
        graph = onnx.load(str(path)).graph
    except FileNotFoundError as error:
        msg = f'{path}: no such file'
        raise CheckpointError(msg) from error
    except Exception as error:  # the parser's error class is not part of onnx's interface
        msg = f'{path}: no ONNX file ({error})'
        raise CheckpointError(msg) from error
    arrays = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy())
              for t in graph.initializer}
    return {k: v.float() if v.is_floating_point() else v for k, v in arrays.items()}


def normalised_convolutions(model: nn.Module) -> dict[str, str]:
    """Return the names of convolutions and of the BatchNorms that read their output.

    The network is run once, because names do not say who reads whom.
    """
    outputs: dict[int, tuple[str, torch.Tensor]] = {}
    pairs: dict[str, str] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(
                lambda _, __, out, name=name: outputs.update({id(out): (name, out)})))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(
                lambda _, args, name=name: pairs.update(
                    {outputs[id(args[0])][0]: name} if id(args[0]) in outputs else {})))
    _run(model, torch.zeros(1, 3, 64, 96), hooks)
    return pairs


def restore(
        model: DenseHybridNet, weights: Mapping[str, torch.Tensor], *, source: str,
        crops: torch.Tensor, class_head: bool) -> None:
    """Make a network compute what an exported graph computes, ready to be trained.

    Args:
        model: of the architecture that was exported.
        weights: the graph's, from `read_initializers`.
        source: named in errors.
        crops: training crops (N, 3, H, W) uint8, for the statistics.
        class_head: take the class head too; False leaves the model's own.

    Raises:
        CheckpointError: names or shapes do not fit.
    """
    weights = _unscale(weights, model.encoder.std)
    pairs = normalised_convolutions(model)
    state = model.state_dict()
    wanted = {f'{conv}.weight': f'{conv}.weight' for conv in pairs}
    wanted |= {f'{bn}.bias': f'{conv}.weight_bias' for conv, bn in pairs.items()}
    owned = tuple(f'{bn}.' for bn in pairs.values())
    wanted |= {k: k for k in state if k not in wanted and not k.startswith((*owned, *_HEADS))
               and not k.endswith('num_batches_tracked')}
    found = {key: _entry(weights, name, state[key], source) for key, name in wanted.items()}
    found |= _heads(weights, state, source, class_head=class_head)
    for bn in pairs.values():
        layer = model.get_submodule(bn)
        found |= {f'{bn}.running_mean': torch.zeros_like(layer.running_mean),
                  f'{bn}.running_var': torch.ones_like(layer.running_var) - layer.eps,
                  f'{bn}.weight': torch.ones_like(layer.weight)}
    model.load_state_dict({**state, **found})
    _unfold(model, pairs, crops)


def _unscale(
        weights: Mapping[str, torch.Tensor], deviation: torch.Tensor) -> dict[str, torch.Tensor]:
    """Undo what `fold_deviation` did to the first convolution at export."""
    return {name.removesuffix(SUFFIX): value * deviation.cpu() if name.endswith(SUFFIX) else value
            for name, value in weights.items()}


def _entry(weights: Mapping[str, torch.Tensor], name: str, like: torch.Tensor, source: str,
           ) -> torch.Tensor:
    if name not in weights:
        msg = (f'{source}: holds no weight {name!r}; want a floating-point graph that '
               'hybrid-training export wrote, of the network that the section "model" describes')
        raise CheckpointError(msg)
    if weights[name].shape != like.shape:
        msg = (f'{source}: {name!r} has shape {tuple(weights[name].shape)}, the network of the '
               f'section "model" wants {tuple(like.shape)}')
        raise CheckpointError(msg)
    return weights[name]


def _heads(
        weights: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], source: str, *,
        class_head: bool) -> dict[str, torch.Tensor]:
    """Split the merged head: one row for each class, then the dataset posterior's."""
    found = {}
    for kind in ('weight', 'bias'):
        merged = weights.get(f'head.{kind}')
        rows = {'dataset_head': slice(-1, None)}
        if class_head:
            rows['class_head'] = slice(None, -1)
        for head, chosen in rows.items():
            part = {} if merged is None else {f'head.{kind}': merged[chosen]}
            found[f'{head}.{kind}'] = _entry(part, f'head.{kind}', state[f'{head}.{kind}'], source)
    return found


def _unfold(model: nn.Module, pairs: Mapping[str, str], crops: torch.Tensor) -> None:
    """Give each BatchNorm the statistics of its input and each filter the norm of a fresh one."""
    moments = _output_moments(model, list(pairs), crops)
    with torch.no_grad():
        for conv, bn in pairs.items():
            weight, layer = model.get_submodule(conv).weight, model.get_submodule(bn)
            mean, variance = moments[conv]
            # As He initialisation makes them: a BatchNorm undoes the scale, but an optimiser's
            # step counts in proportion to it.
            norm = weight.flatten(1).norm(dim=1)
            scale = torch.where(norm > 0, 2 ** 0.5 / norm, torch.ones_like(norm))
            weight.mul_(scale.view(-1, 1, 1, 1))
            layer.running_mean.copy_(scale * mean)
            layer.running_var.copy_(scale.square() * variance)
            layer.weight.copy_((layer.running_var + layer.eps).sqrt() / scale)
            layer.bias.add_(mean)


def _output_moments(
        model: nn.Module, names: list[str], crops: torch.Tensor,
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return mean and variance by channel of the outputs of convolutions, float32."""
    sums: dict[str, torch.Tensor] = {}

    def add(name: str, out: torch.Tensor) -> None:
        flat = out.double().transpose(0, 1).flatten(1)
        total = torch.stack([torch.full((len(flat),), flat.shape[1]), flat.sum(1),
                             flat.square().sum(1)])
        sums[name] = sums[name] + total if name in sums else total

    hooks = [model.get_submodule(name).register_forward_hook(
        lambda _, __, out, name=name: add(name, out)) for name in names]
    _run(model, crops, hooks)
    moments = {}
    for name, (count, total, squares) in sums.items():
        mean = total / count
        moments[name] = (mean.float(), (squares / count - mean**2).clamp(min=0).float())
    return moments


def _run(model: nn.Module, images: torch.Tensor, hooks: list[torch.utils.hooks.RemovableHandle],
         ) -> None:
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for part in images.split(BATCH):
                model(part.float())
    finally:
        for hook in hooks:
            hook.remove()
        model.train(training)
