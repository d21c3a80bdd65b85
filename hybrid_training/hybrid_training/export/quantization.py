# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""INT8 as explicit Q/DQ, in the form that TensorRT's parser takes.

Symmetric, signed, zero point 0; activations by tensor, weights by output channel and stored as
int8; biases stay float (the parser refuses an int32 one). Only the inputs of convolutions are
quantised, which is where TensorRT fuses (NVIDIA, "Working with Quantized Types", Q/DQ placement).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray
import onnx
from onnx import helper, numpy_helper

from hybrid_training.export.onnx_graph import (
    ancestors,
    drop_unused_weights,
    replace_nodes,
    weights,
)

LEVELS = 127
"""Largest quantised magnitude; -128 is not used, so that ranges are symmetric."""


def quantizable(model: onnx.ModelProto, outputs: Collection[str]) -> list[onnx.NodeProto]:
    """List the convolutions that may be quantised, in the order of the graph.

    These are the ones that every output needs, without the first, which sees the picture, and
    the last, whose output the outputs are read from. Depthwise ones stay in float: they are bound
    by memory, among the most sensitive, and TensorRT for RTX 1.7 writes a constant as large as
    the map into the plan for each (330 MB in all at 2048x1024, 11 MB without).

    Args:
        model: an exported graph whose nodes have names.
        outputs: its outputs.
    """
    graph = model.graph
    shared = set.intersection(*(ancestors(graph, output) for output in outputs))
    constants = {tensor.name for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == 'Conv'
                    and node.name in shared and node.input[1] in constants]
    return [node for node in convolutions[1:-1] if _groups(node) == 1]


def _groups(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == 'group'), 1)


def quantize(
        model: onnx.ModelProto, scales: Mapping[str, float], nodes: Collection[str],
) -> onnx.ModelProto:
    """Quantise the inputs and weights of some convolutions.

    Args:
        model: the fp32 graph; it is not changed.
        scales: step of each tensor that enters one of the nodes.
        nodes: names of the convolutions.

    Returns:
        A graph with the same inputs and outputs.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    constants = weights(graph)
    zero = numpy_helper.from_array(np.zeros((), np.int8), 'int8_zero')
    graph.initializer.append(zero)
    rounded: dict[str, str] = {}
    result: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.name in nodes:
            tensor, kernel = node.input[0], node.input[1]
            if tensor not in rounded:
                rounded[tensor] = f'{tensor}_int8'
                result += _round_trip(graph, tensor, scales[tensor], zero.name)
            node.input[0] = rounded[tensor]
            result.append(_store_int8(graph, kernel, constants[kernel]))
            node.input[1] = f'{kernel}_int8'
        result.append(node)
    replace_nodes(graph, result)
    drop_unused_weights(graph)
    return changed


def _round_trip(
        graph: onnx.GraphProto, tensor: str, scale: float, zero: str) -> list[onnx.NodeProto]:
    """Make the nodes that round a tensor to int8 and back."""
    step = f'{tensor}_scale'
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), step))
    byte = f'{tensor}_byte'
    return [
        helper.make_node('QuantizeLinear', [tensor, step, zero], [byte], name=f'{tensor}_q'),
        helper.make_node(
            'DequantizeLinear', [byte, step, zero], [f'{tensor}_int8'], name=f'{tensor}_dq')]


def _store_int8(
        graph: onnx.GraphProto, name: str, kernel: NDArray[np.generic]) -> onnx.NodeProto:
    """Store a kernel (O, I, h, w) as int8; make the node that reads it."""
    flat = np.abs(kernel.reshape(len(kernel), -1)).max(axis=1)
    steps = (np.maximum(flat, np.finfo(np.float32).tiny * LEVELS) / LEVELS).astype(np.float32)
    rounded = np.clip(np.rint(kernel / steps[:, None, None, None]), -LEVELS, LEVELS)
    inputs = [f'{name}_byte', f'{name}_scale', f'{name}_zero']
    graph.initializer.extend([
        numpy_helper.from_array(rounded.astype(np.int8), inputs[0]),
        numpy_helper.from_array(steps, inputs[1]),
        numpy_helper.from_array(np.zeros(len(kernel), np.int8), inputs[2])])
    return helper.make_node(
        'DequantizeLinear', inputs, [f'{name}_int8'], axis=0, name=f'{name}_dq')
