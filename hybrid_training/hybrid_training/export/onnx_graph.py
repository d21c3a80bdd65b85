# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What belongs to what in an exported graph."""

from __future__ import annotations

from collections.abc import Iterable
import math

import numpy as np
from numpy.typing import NDArray
import onnx
from onnx import numpy_helper


def ancestors(graph: onnx.GraphProto, tensor: str) -> set[str]:
    """Return the names of the nodes that a tensor is computed by."""
    producers = {output: node for node in graph.node for output in node.output}
    found: set[str] = set()
    waiting = [tensor]
    while waiting:
        node = producers.get(waiting.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            waiting.extend(node.input)
    return found


def name_nodes(graph: onnx.GraphProto) -> None:
    """Give every node a name that no other has; those that have one keep it."""
    taken: set[str] = set()
    for index, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f'{node.op_type}_{index}'
        taken.add(node.name)


def weights(graph: onnx.GraphProto) -> dict[str, NDArray[np.generic]]:
    """Return the constant tensors of a graph by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def value_types(model: onnx.ModelProto) -> dict[str, int]:
    """Return the element type of every tensor of a graph by name."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    found = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        found[value.name] = value.type.tensor_type.elem_type
    return found


def multiplications(model: onnx.ModelProto) -> dict[str, int]:
    """Return the multiplications of each convolution of a graph by the node's name."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    sizes = {value.name: math.prod(d.dim_value for d in value.type.tensor_type.shape.dim)
             for value in (*graph.value_info, *graph.output)}
    kernels = {tensor.name: tensor.dims for tensor in graph.initializer}
    return {node.name: sizes[node.output[0]] * math.prod(kernels[node.input[1]][1:])
            for node in graph.node if node.op_type == 'Conv' and node.input[1] in kernels}


def drop_unused_weights(graph: onnx.GraphProto) -> None:
    """Remove the constant tensors that no node reads."""
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def replace_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Put other nodes into a graph, in this order."""
    nodes = list(nodes)
    del graph.node[:]
    graph.node.extend(nodes)
