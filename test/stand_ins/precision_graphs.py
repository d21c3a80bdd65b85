# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A small open-set network that obeys the export rules, in each precision."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 4
PRECISIONS = ('fp32', 'fp16', 'int8')


class _Graph:
    """Nodes and weights in the making."""

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(7)

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f'{kind}_{len(self.nodes)}'
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, value: object, dtype: type = np.float32) -> str:
        name = f'weight_{len(self.weights)}'
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def quantized(self, tensor: str, scale: float) -> str:
        """Round to int8 and back: symmetric, as TensorRT takes it."""
        if self.precision != 'int8':
            return tensor
        step, zero = self.weight(scale), self.weight(0, np.int8)
        byte = self.add('QuantizeLinear', tensor, step, zero)
        return self.add('DequantizeLinear', byte, step, zero)

    def conv(self, tensor: str, channels: tuple[int, int], size: int, stride: int) -> str:
        fan_in = channels[0] * size * size
        kernel = self._random.normal(0, fan_in ** -0.5, (channels[1], channels[0], size, size))
        dtype = np.float16 if self.precision == 'fp16' else np.float32
        weight = self.quantized(self.weight(kernel, dtype), 0.01)
        bias = self.weight(np.zeros(channels[1]), dtype)
        return self.add(
            'Conv', self.quantized(tensor, 0.05), weight, bias,
            strides=[stride, stride], pads=[size // 2] * 4)


def precision_graph(
    height: int, width: int, precision: str, classes: int = CLASSES
) -> onnx.ModelProto:
    """Build a graph: two convolutions, class and dataset head, hybrid score in fp32."""
    graph = _Graph(precision)
    pixels = graph.add('Cast', 'image', to=TensorProto.FLOAT)
    planes = graph.add('Transpose', pixels, perm=[0, 3, 1, 2])
    planes = graph.add('Sub', graph.add('Mul', planes, graph.weight(1 / 64)), graph.weight(2.0))
    if precision == 'fp16':
        planes = graph.add('Cast', planes, to=TensorProto.FLOAT16)
    trunk = graph.add('Relu', graph.conv(planes, (3, 16), 3, 2))
    trunk = graph.add('Relu', graph.conv(trunk, (16, 16), 3, 2))
    logits, dataset = graph.conv(trunk, (16, classes), 1, 1), graph.conv(trunk, (16, 1), 1, 1)
    if precision == 'fp16':
        logits = graph.add('Cast', logits, to=TensorProto.FLOAT)
        dataset = graph.add('Cast', dataset, to=TensorProto.FLOAT)
    axis = graph.weight([1], np.int64)
    likelihood = graph.add('ReduceLogSumExp', logits, axis, keepdims=1)
    outlier = graph.add('Neg', graph.add('Softplus', graph.add('Neg', dataset)))
    score = graph.add('Sub', outlier, likelihood)
    factor = graph.weight([1, 1, 4, 4])
    label = graph.add('ArgMax', graph.add('Resize', logits, '', factor, mode='linear'),
                      axis=1, keepdims=0)
    graph.nodes += [
        helper.make_node('Cast', [label], ['label'], to=TensorProto.UINT8),
        helper.make_node('Squeeze', [graph.add('Resize', score, '', factor, mode='linear'), axis],
                         ['anomaly_score'])]
    shape = [1, height, width]
    model = helper.make_model(helper.make_graph(
        graph.nodes, precision,
        [helper.make_tensor_value_info('image', TensorProto.UINT8, [*shape, 3])],
        [helper.make_tensor_value_info('label', TensorProto.UINT8, shape),
         helper.make_tensor_value_info('anomaly_score', TensorProto.FLOAT, shape)],
        graph.weights), opset_imports=[helper.make_opsetid('', 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model
