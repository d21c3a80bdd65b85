# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The division by the standard deviation, folded into the first convolution.

It is a pass over the whole picture that the weights can do: about 0.7 % of a frame. The mean is
left where it is: it is subtracted before the convolution pads with zeros, so a bias would be wrong
along the border, and padding with it costs the pass that would be saved.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
import onnx
from onnx import numpy_helper

from hybrid_training.export.onnx_graph import drop_unused_weights, replace_nodes, weights

SUFFIX = '_per_level'
"""Ends the name of weights that take grey levels: W / std in place of W."""


def fold_deviation(model: onnx.ModelProto) -> bool:
    """Divide the first convolution's weights by the deviation in place of the picture.

    Args:
        model: an exported graph; changed in place where it divides by a constant for each channel
            and one convolution alone reads the result.

    Returns:
        Whether it was changed.
    """
    graph = model.graph
    constants = weights(graph)
    for divide in graph.node:
        if divide.op_type != 'Div' or divide.input[1] not in constants:
            continue
        readers = [node for node in graph.node if divide.output[0] in node.input]
        deviation = constants[divide.input[1]]
        if len(readers) != 1 or not _foldable(readers[0], deviation, constants):
            continue
        [convolution] = readers
        name = convolution.input[1]
        folded = (constants[name] / deviation.reshape(1, -1, 1, 1)).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(folded, f'{name}{SUFFIX}'))
        convolution.input[0], convolution.input[1] = divide.input[0], f'{name}{SUFFIX}'
        replace_nodes(graph, [node for node in graph.node if node is not divide])
        drop_unused_weights(graph)
        return True
    return False


def _foldable(
        node: onnx.NodeProto, deviation: NDArray[np.generic],
        constants: Mapping[str, NDArray[np.generic]]) -> bool:
    """Return whether a node is a plain convolution with as many input channels as deviations."""
    if node.op_type != 'Conv' or node.input[1] not in constants:
        return False
    channels = constants[node.input[1]].shape[1]
    return deviation.shape == (channels, 1, 1) and all(
        attribute.i == 1 for attribute in node.attribute if attribute.name == 'group')
