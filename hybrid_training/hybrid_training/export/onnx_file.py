# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Write the deployed network as ONNX."""

from __future__ import annotations

from pathlib import Path
import warnings

import onnx
import torch

from hybrid_training.export.graph import deployed
from hybrid_training.export.normalisation import fold_deviation
from hybrid_training.export.tail_names import DEFAULT_TAIL
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.models.upgrade import UpgradedNet

OPSET = 18


def write_onnx(
        model: DenseHybridNet | UpgradedNet, path: Path, size: tuple[int, int],
        tail: str = DEFAULT_TAIL,
) -> None:
    """Export a network for pictures of one size (height, width), multiples of 32.

    The graph takes `image` (1, H, W, 3) uint8 RGB and gives `label` (1, H, W) uint8 and
    `anomaly_score` (1, H, W) float32; opset 18, static shapes, weights inside the file. `tail` is
    a name in `tail.TAILS`.

    Raises:
        ValueError: the size is not a multiple of 32, or there is no such tail.
    """
    if size[0] % 32 or size[1] % 32 or min(size) < 32:
        msg = f'size {size[0]}x{size[1]}: height and width must be multiples of 32'
        raise ValueError(msg)
    # Weights in channels_last would be written as a Transpose each.
    network = deployed(model, tail).to(memory_format=torch.contiguous_format).eval()
    image = torch.zeros(1, *size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the exporter warns of its own internals
        program = torch.onnx.export(
            network, (image,), dynamo=True, opset_version=OPSET, external_data=False,
            input_names=['image'], output_names=['label', 'anomaly_score'], verbose=False)
        program.save(str(path), external_data=False)
    exported = onnx.load(str(path))
    forget_origin(exported)
    fold_deviation(exported)
    onnx.save(exported, str(path))


def forget_origin(model: onnx.ModelProto) -> None:
    """Drop what the exporter noted of the source code: paths of the machine that exported."""
    for node in model.graph.node:
        del node.metadata_props[:]
