# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Networks as graphs in memory: exported, put together, quantised, opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import tempfile
from typing import Any

import onnx
import onnx.compose
import onnx.utils
import torch

from benchmark.flops import heads_output
from hybrid_training.export.onnx_file import OPSET, write_onnx
from hybrid_training.export.onnx_graph import name_nodes
from hybrid_training.export.quantization import quantizable, quantize
from hybrid_training.export.tail import Tail
from hybrid_training.models.dense_hybrid import DenseHybridNet

OUTPUTS = ('label', 'anomaly_score')


def export_network(network: DenseHybridNet, size: tuple[int, int]) -> Any:
    """Export a network with the default tail."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'network.onnx'
        write_onnx(network.eval(), path, size)
        return onnx.load(path)


def with_tail(model: Any, kind: str, num_classes: int) -> Any:
    """Return the graph with another tail; the network before it is not exported again."""
    maps = heads_output(model, OUTPUTS)
    extractor = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(model))
    trunk = extractor.extract_model(['image'], [maps])
    shape = [d.dim_value for d in trunk.graph.output[0].type.tensor_type.shape.dim]
    tail = onnx.compose.add_prefix(
        _export_tail(kind, num_classes, shape), 'tail_', rename_inputs=False,
        rename_outputs=False)
    tail.ir_version = trunk.ir_version
    return onnx.compose.merge_models(trunk, tail, io_map=[(maps, 'maps')])


def _export_tail(kind: str, num_classes: int, shape: Sequence[int]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'tail.onnx'
        torch.onnx.export(
            Tail(num_classes, kind).eval(), (torch.zeros(*shape),), dynamo=True,
            opset_version=OPSET, external_data=False, input_names=['maps'],
            output_names=list(OUTPUTS), verbose=False).save(str(path), external_data=False)
        return onnx.load(path)


def without_score(model: Any) -> Any:
    """Return the graph with the label alone."""
    extractor = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(model))
    return extractor.extract_model(['image'], ['label'])


def for_timing_in_int8(model: Any) -> Any:
    """Quantise as `hybrid-training quantize` does, with one step for all: right for time alone."""
    named = onnx.ModelProto()
    named.CopyFrom(model)
    name_nodes(named.graph)
    nodes = quantizable(named, OUTPUTS)
    return quantize(
        named, {node.input[0]: 0.05 for node in nodes}, {node.name for node in nodes})


def open_session(model: Any, threads: int) -> Any:
    """Open a graph in ONNX Runtime with the options of the backend."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=['CPUExecutionProvider'])
