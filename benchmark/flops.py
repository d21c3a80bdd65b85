# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Arithmetic and parameters of an exported graph, counted on its convolutions."""

from __future__ import annotations

from collections.abc import Collection
import math
from typing import Any

import onnx
from onnx import numpy_helper, shape_inference


def network_convolutions(model: Any, outputs: Collection[str]) -> list[Any]:
    """List the convolutions that every output needs: the network without its tail.

    The tail upsamples, by convolution in some graphs and by other operators in others; it counts
    as time, never as work.
    """
    producer = {name: node for node in model.graph.node for name in node.output}

    def needed(output: str) -> set[str]:
        found: set[str] = set()
        waiting = [output]
        while waiting:
            node = producer.get(waiting.pop())
            if node is not None and node.output[0] not in found:
                found.add(node.output[0])
                waiting += node.input
        return found

    shared = set.intersection(*(needed(output) for output in outputs))
    return [node for node in model.graph.node
            if node.op_type == 'Conv' and node.output[0] in shared]


def heads_output(model: Any, outputs: Collection[str]) -> str:
    """Name the maps at stride 4 from which label and score are made."""
    return str(network_convolutions(model, outputs)[-1].output[0])


def count(model: Any, outputs: Collection[str]) -> tuple[float, float]:
    """Return floating-point operations (multiply and add) and parameters of one inference."""
    inferred = shape_inference.infer_shapes(model).graph
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
              for value in [*inferred.value_info, *inferred.output, *inferred.input]}
    kernels = {tensor.name: numpy_helper.to_array(tensor).shape for tensor in inferred.initializer}
    operations = parameters = 0
    for node in network_convolutions(model, outputs):
        kernel, out = kernels[node.input[1]], shapes[node.output[0]]
        operations += 2 * math.prod(out) * math.prod(kernel[1:])
        parameters += math.prod(kernel) + (kernel[0] if len(node.input) > 2 else 0)
    return float(operations), float(parameters)


def count_file(path: Any, outputs: Collection[str]) -> tuple[float, float]:
    """Count in a file; see `count`."""
    return count(onnx.load(path), outputs)
