# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which convolutions stay in float, because measurement says that int8 hurts there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
import onnx
from tqdm import tqdm

from hybrid_training.exceptions import ExportError
from hybrid_training.export.onnx_graph import multiplications
from hybrid_training.export.quantization import quantize
from hybrid_training.export.session import open_graph

LABEL_DAMAGE, SCORE_DAMAGE = 0.005, 0.015
"""What quantisation may do to the calibration pictures: share of labels that change, and mean
change of the score in standard deviations of the score."""

PICTURES_PER_LAYER = 2
COUNTS = (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48)


@dataclass(frozen=True)
class Damage:
    """What rounding does to some pictures.

    Attributes:
        labels: share of the pixels whose label changes.
        score: mean change of the score, in standard deviations of the score.
    """

    labels: float
    score: float

    @property
    def bearable(self) -> bool:
        """Return whether it is within both limits."""
        return self.labels <= LABEL_DAMAGE and self.score <= SCORE_DAMAGE

    @property
    def share(self) -> float:
        """Return one number to rank layers by: both, in parts of their limits."""
        return self.labels / LABEL_DAMAGE + self.score / SCORE_DAMAGE


@dataclass(frozen=True)
class Choice:
    """Layers by what becomes of them.

    Attributes:
        quantized: names of the nodes that become int8.
        kept: names of the nodes that stay in float, the most harmful for their work first.
        damage: what the choice does to the pictures.
        int8_share: part of the candidates' multiplications that is int8, 0..1.
    """

    quantized: tuple[str, ...]
    kept: tuple[str, ...]
    damage: Damage
    int8_share: float


def choose_layers(
        model: onnx.ModelProto, scales: Mapping[str, float], nodes: Sequence[str],
        pictures: Sequence[NDArray[np.uint8]], outputs: tuple[str, str]) -> Choice:
    """Quantise as much of the convolutions' work as the limits bear.

    Each is quantised alone; then those stay in float, in growing number, that do most harm for
    each multiplication that int8 would make cheaper. By harm alone one convolution at stride 4,
    half of the shipped network's work, would stay in float beside thirteen small ones.

    Args:
        model: the fp32 graph.
        scales: steps of the tensors that enter the nodes.
        nodes: names of the candidates.
        pictures: (1, H, W, 3) uint8 RGB.
        outputs: names of label and score.

    Raises:
        ExportError: the limits are broken even with 48 layers in float.
    """
    judge = _judge(model, pictures, outputs)
    everything = judge(quantize(model, scales, nodes), len(pictures))
    if everything.bearable:
        return Choice(tuple(nodes), (), everything, 1.0)
    work = multiplications(model)
    alone = {name: judge(quantize(model, scales, [name]), PICTURES_PER_LAYER).share
             for name in tqdm(nodes, desc='sensitivity', leave=False, disable=None)}
    order = sorted(nodes, key=lambda name: -alone[name] / work[name])
    for count in COUNTS:
        quantized = [name for name in nodes if name not in order[:count]]
        damage = judge(quantize(model, scales, quantized), len(pictures))
        if damage.bearable:
            share = sum(work[name] for name in quantized) / sum(work[name] for name in nodes)
            return Choice(tuple(quantized), tuple(order[:count]), damage, share)
        if count >= len(order):
            break
    msg = (f'int8 changes {everything.labels:.1%} of the labels and the score by '
           f'{everything.score:.2f} standard deviations; {LABEL_DAMAGE:.1%} and {SCORE_DAMAGE} '
           f'are not reached with {min(count, len(order))} layers in float either')
    raise ExportError(msg)


def _judge(
        model: onnx.ModelProto, pictures: Sequence[NDArray[np.uint8]], outputs: tuple[str, str],
) -> Callable[[onnx.ModelProto, int], Damage]:
    """Make a function that compares a graph with the fp32 one on the first few pictures."""
    name = model.graph.input[0].name
    session = open_graph(model)
    right = [session.run(list(outputs), {name: picture}) for picture in pictures]
    spread = max(float(np.std([score for _, score in right])), np.finfo(np.float32).tiny)

    def judge(rounded: onnx.ModelProto, count: int) -> Damage:
        session = open_graph(rounded)
        labels, scores = [], []
        for picture, (label, score) in zip(pictures[:count], right[:count], strict=True):
            found_label, found_score = session.run(list(outputs), {name: picture})
            labels.append(float(np.mean(found_label != label)))
            scores.append(float(np.mean(np.abs(found_score - score))))
        return Damage(float(np.mean(labels)), float(np.mean(scores)) / spread)

    return judge
