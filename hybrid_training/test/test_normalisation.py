# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The deviation in the weights of the first convolution: the same function, one pass less."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import onnxruntime
import pytest

from hybrid_training.export.normalisation import SUFFIX, fold_deviation
from hybrid_training.export.onnx_file import write_onnx

DEVIATION = np.array([50.0, 60.5, 71.25], np.float32).reshape(3, 1, 1)


def graph(deviation=DEVIATION, *, groups=1, readers=1) -> onnx.ModelProto:
    """Make (image - 120) / deviation, and so many padded 3x3 convolutions that read it."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(6, 3 // groups, 3, 3)).astype(np.float32)
    nodes = [helper.make_node('Sub', ['image', 'mean'], ['centred']),
             helper.make_node('Div', ['centred', 'deviation'], ['normal'])]
    nodes += [helper.make_node('Conv', ['normal', 'stem.weight'], [f'map{index}'],
                               pads=[1, 1, 1, 1], group=groups) for index in range(readers)]
    tensors = {'mean': np.full((3, 1, 1), 120, np.float32), 'deviation': deviation,
               'stem.weight': weights}
    return helper.make_model(helper.make_graph(
        nodes, 'stem',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info(f'map{index}', TensorProto.FLOAT, [1, 6, 8, 8])
         for index in range(readers)],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()]),
        opset_imports=[helper.make_opsetid('', 18)], ir_version=9)


def run(model: onnx.ModelProto) -> np.ndarray:
    image = np.random.default_rng(1).integers(0, 256, (1, 3, 8, 8)).astype(np.float32)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {'image': image})[0]


def test_the_division_is_gone_and_the_answer_is_the_same_also_at_the_border():
    model = graph()
    wanted = run(model)
    assert fold_deviation(model)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ['Sub', 'Conv']
    assert {tensor.name for tensor in model.graph.initializer} == {'mean', f'stem.weight{SUFFIX}'}
    np.testing.assert_allclose(run(model), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('given', [
    {'groups': 3}, {'readers': 2}, {'deviation': np.array(50.0, np.float32)},
    {'deviation': np.full((3, 8, 1), 50.0, np.float32)}])
def test_what_is_not_a_plain_normalisation_stays(given):
    model = graph(**given)
    before = model.SerializeToString()
    assert not fold_deviation(model)
    assert model.SerializeToString() == before


def test_networks_are_exported_without_a_division(network, tmp_path):
    write_onnx(network, tmp_path / 'toy.onnx', (64, 128))
    model = onnx.load(tmp_path / 'toy.onnx').graph
    assert not [node for node in model.node if node.op_type == 'Div']
    assert len([t for t in model.initializer if t.name.endswith(SUFFIX)]) == 1
