# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""FP16 in the types of the graph; the last arithmetic of the score stays FP32."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hybrid_training.exceptions import ExportError
from hybrid_training.export.onnx_graph import (
    ancestors,
    drop_unused_weights,
    replace_nodes,
    value_types,
    weights,
)

ALWAYS_FLOAT = {'Resize': (1, 2)}
"""Inputs by operator that ONNX types as float whatever the data is: region and scales."""

LARGEST = float(np.finfo(np.float16).max)


def to_half(model: onnx.ModelProto, *, score: str, label: str) -> onnx.ModelProto:
    """Convert a graph to FP16, except what the score alone needs.

    Behind the heads the score is a difference of sums of exponentials, and its upsampling: to
    round there would move thresholds, and one map in FP32 costs next to nothing.

    Args:
        model: the fp32 graph, its nodes named; it is not changed.
        score: output whose own arithmetic stays FP32.
        label: output that shares the trunk with it.

    Returns:
        A graph with the same inputs and outputs, names and types alike.

    Raises:
        ExportError: a weight is too large for FP16, or ONNX cannot type the graph.
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    graph = half.graph
    exact = ancestors(graph, score) - ancestors(graph, label)
    types = value_types(half)
    conversion = _Conversion(graph, {name for name, kind in types.items()
                                     if kind == TensorProto.FLOAT})
    nodes = [part for node in list(graph.node)
             for part in conversion.convert(node, exact=node.name in exact)]
    nodes += conversion.restore(output.name for output in graph.output)
    replace_nodes(graph, nodes)
    drop_unused_weights(graph)
    del graph.value_info[:]  # it holds the types of before
    return half


class _Conversion:
    """Node by node in the order of the graph; casts are put where the types meet."""

    def __init__(self, graph: onnx.GraphProto, floats: set[str]) -> None:
        self._graph = graph
        self._floats = floats
        self._weights = weights(graph)
        self._outputs = {output.name for output in graph.output}
        self._half: set[str] = set()  # results that became FP16
        self._made: dict[tuple[str, int], str] = {}

    def convert(self, node: onnx.NodeProto, *, exact: bool) -> Iterator[onnx.NodeProto]:
        """Yield the node with inputs of the right type, behind the casts that it needs."""
        kind = TensorProto.FLOAT if exact else TensorProto.FLOAT16
        for position, name in enumerate(node.input):
            if name in self._floats:
                wanted = TensorProto.FLOAT if position in ALWAYS_FLOAT.get(
                    node.op_type, ()) else kind
                node.input[position] = yield from self._as(name, wanted)
        if not exact:
            self._turn(node)
        yield node

    def restore(self, outputs: Iterator[str]) -> Iterator[onnx.NodeProto]:
        """Yield the casts that give outputs of the graph their type back."""
        for name in outputs:
            if name in self._half:
                yield helper.make_node(
                    'Cast', [_half_name(name)], [name], to=TensorProto.FLOAT, name=f'{name}_back')

    def _turn(self, node: onnx.NodeProto) -> None:
        """Let a node give FP16."""
        for attribute in node.attribute:
            if node.op_type == 'Cast' and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
        for position, name in enumerate(node.output):
            if name in self._floats:
                self._half.add(name)
                if name in self._outputs:
                    node.output[position] = _half_name(name)

    def _as(self, name: str, kind: int) -> Iterator[onnx.NodeProto]:
        """Yield the cast of a tensor where it is new; return the name of what it gives."""
        if name in self._weights:
            return name if kind == TensorProto.FLOAT else self._half_weight(name)
        source = _half_name(name) if name in self._half & self._outputs else name
        if (name in self._half) == (kind == TensorProto.FLOAT16):
            return source
        key = name, kind
        if key not in self._made:
            suffix = 'half' if kind == TensorProto.FLOAT16 else 'float'
            self._made[key] = f'{name}_to_{suffix}'
            yield helper.make_node(
                'Cast', [source], [self._made[key]], to=kind, name=self._made[key])
        return self._made[key]

    def _half_weight(self, name: str) -> str:
        key = name, TensorProto.FLOAT16
        if key not in self._made:
            value = self._weights[name]
            if np.abs(value[np.isfinite(value)]).max(initial=0) > LARGEST:
                msg = f'weight {name} reaches beyond {LARGEST:.0f}, the largest number of FP16'
                raise ExportError(msg)
            self._made[key] = _half_name(name)
            self._graph.initializer.append(
                numpy_helper.from_array(value.astype(np.float16), self._made[key]))
        return self._made[key]


def _half_name(name: str) -> str:
    return f'{name}_half'
