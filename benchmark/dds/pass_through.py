# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A model that costs nothing, so that all time that is left is the node's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmark.table import NotMeasured
from hybrid_perception.manifest import Manifest, load_manifest, write_manifest


def write_pass_through(model: Path, folder: Path) -> Manifest:
    """Write a model with the tensors of another one and constant answers.

    Raises:
        NotMeasured: onnx is not installed.
    """
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise NotMeasured(f'onnx, which writes the model, is not installed: {error}') from error
    real = load_manifest(model)
    height, width = real.input_size
    constants = {real.label_name: np.zeros((1, height, width), np.uint8),
                 real.score_name: np.full((1, height, width), -15.0, np.float32)}
    graph = helper.make_graph(
        [helper.make_node('Identity', [f'{name}_constant'], [name]) for name in constants],
        'pass_through',
        [helper.make_tensor_value_info(real.input_name, TensorProto.UINT8, (1, height, width, 3))],
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype),
                                       array.shape) for name, array in constants.items()],
        [numpy_helper.from_array(array, f'{name}_constant') for name, array in constants.items()])
    path = folder / 'pass_through.onnx'
    onnx.save(helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9), str(path))
    document = json.loads(real.path.read_text(encoding='utf-8'))
    document |= {'name': 'pass_through', 'file': path.name}
    return write_manifest(path.with_suffix('.json'), document)
