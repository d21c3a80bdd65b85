# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The same network in FP16 and INT8: derived from the fp32 graph, measured, written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
import json
from pathlib import Path
import tempfile
from typing import Any

import onnx

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.manifest import Manifest, write_manifest
from hybrid_training.evaluation.predictors import ExportedPredictor
from hybrid_training.export.activation_scales import activation_scales
from hybrid_training.export.calibration_pictures import Calibration
from hybrid_training.export.float_layers import LABEL_DAMAGE, SCORE_DAMAGE, choose_layers
from hybrid_training.export.half_precision import to_half
from hybrid_training.export.measured import MeasuringSets, measure
from hybrid_training.export.model_card import write_card
from hybrid_training.export.onnx_graph import name_nodes
from hybrid_training.export.parity import measure_parity
from hybrid_training.export.precision_bars import against
from hybrid_training.export.quantization import quantizable, quantize

DERIVED = ('fp16', 'int8')
PARITY_IMAGES = 8


def add_variants(
        base: Manifest, figures: Mapping[str, Any], precisions: Sequence[str],
        sets: MeasuringSets, calibration: Calibration | None) -> Manifest:
    """Write variants beside a model and name them in its manifest.

    Args:
        base: the fp32 model.
        figures: its `metrics` on `sets`.
        precisions: of DERIVED.
        sets: what figures and thresholds come from.
        calibration: what int8 needs.

    Raises:
        ExportError: a variant cannot be made; the model is as before.
    """
    folder = base.path.parent
    with tempfile.TemporaryDirectory(dir=folder, prefix='.variants-') as name:
        draft = Path(name)
        named = {precision: derive_variant(
                     base, figures, precision, draft, sets=sets,
                     calibration=calibration).path.name
                 for precision in precisions}
        move_model(draft, folder)
    document = json.loads(base.path.read_text(encoding='utf-8'))
    variants = {**document.get('variants', {}), **named}
    return write_manifest(base.path, {**document, 'variants': variants}) if variants else base


def move_model(draft: Path, folder: Path, *, last: str = '') -> None:
    """Move files; manifests after what they name, so that whoever reads one finds the rest.

    Args:
        draft: where they are.
        folder: where they go.
        last: name of the manifest that names the others.
    """
    for path in sorted(draft.iterdir(), key=lambda p: (p.name == last, p.suffix == '.json')):
        path.replace(folder / path.name)


def derive_variant(
        base: Manifest, base_figures: Mapping[str, Any], precision: str, folder: Path, *,
        sets: MeasuringSets, calibration: Calibration | None) -> Manifest:
    """Write `<name>.<precision>.onnx`, `.json` and `.md` of a model into a folder.

    Args:
        base: the fp32 model.
        base_figures: its `metrics` on `sets`.
        precision: fp16 or int8.
        folder: where the files go.
        sets: what figures and thresholds come from.
        calibration: what int8 needs.

    Raises:
        ExportError: the graph cannot be brought to that precision.
    """
    model = onnx.load(base.onnx_path)
    name_nodes(model.graph)
    rounded, how = _ROUND[precision](model, base, calibration)
    onnx.checker.check_model(rounded, full_check=True)
    stem = f'{base.path.stem}.{precision}'
    onnx_path = folder / f'{stem}.onnx'
    onnx.save(rounded, onnx_path)
    document = json.loads(base.path.read_text(encoding='utf-8'))
    document.pop('variants', None)
    document |= {
        'name': f'{base.name}.{precision}', 'file': onnx_path.name, 'precision': precision,
        'provenance': {**base.provenance, 'derived': {
            'from': base.onnx_path.name, 'sha256': base.sha256, **how}}}
    document |= _measured(
        write_manifest(folder / f'{stem}.json', document), base, base_figures, sets)
    manifest = write_manifest(folder / f'{stem}.json', document)
    write_card(manifest.path)
    return manifest


def _measured(
        variant: Manifest, base: Manifest, base_figures: Mapping[str, Any], sets: MeasuringSets,
) -> dict[str, Any]:
    predictors = [ExportedPredictor(manifest, create_backend('onnxruntime', manifest))
                  for manifest in (base, variant)]
    parity = measure_parity(*predictors, sets.spread(PARITY_IMAGES))
    figures = measure(predictors[1], sets)
    figures['metrics'] |= {
        'parity': {**asdict(parity), 'reference': f'{base.name} ({base.precision})'},
        'against_fp32': against(base_figures, figures['metrics'], variant.precision)}
    return figures


def _fp16(
        model: onnx.ModelProto, base: Manifest, _: Calibration | None,
) -> tuple[onnx.ModelProto, Mapping[str, Any]]:
    half = to_half(model, score=base.score_name, label=base.label_name)
    return half, {'how': 'FP16, the score alone behind the heads in FP32'}


def _int8(
        model: onnx.ModelProto, base: Manifest, calibration: Calibration | None,
) -> tuple[onnx.ModelProto, Mapping[str, Any]]:
    outputs = base.label_name, base.score_name
    assert calibration is not None  # whoever asks for int8 opens it
    nodes = quantizable(model, outputs)
    scales = activation_scales(
        model, list(dict.fromkeys(node.input[0] for node in nodes)), calibration.scales)
    choice = choose_layers(model, scales, [n.name for n in nodes], calibration.layers, outputs)
    weights = {node.name: node.input[1] for node in nodes}
    return quantize(model, scales, choice.quantized), {
        'how': 'INT8 by explicit symmetric Q/DQ at the inputs of convolutions; weights by output '
               'channel; biases and everything else in FP32',
        'calibration': calibration.source,
        'int8_layers': len(choice.quantized),
        'int8_work': round(choice.int8_share, 3),
        'float_layers': ['the first', 'the heads', 'depthwise ones',
                         *(weights[name] for name in choice.kept)],
        'on_calibration_pictures': {
            **asdict(choice.damage), 'limits': [LABEL_DAMAGE, SCORE_DAMAGE]}}


_ROUND = {'fp16': _fp16, 'int8': _int8}
