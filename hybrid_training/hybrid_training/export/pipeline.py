# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Export a checkpoint: graph, parity, measures, operating points, manifest, card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
import datetime
from pathlib import Path
import subprocess
import tempfile
from typing import Any

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.manifest import Manifest, load_manifest, write_manifest
from hybrid_training.checkpoint import Checkpoint, load_checkpoint
from hybrid_training.config import (
    TrainingConfig,
    ValidationConfig,
    stored_classes,
    stored_model,
)
from hybrid_training.data.class_list import ClassList
from hybrid_training.evaluation.predictors import ExportedPredictor, NetworkPredictor
from hybrid_training.export.calibration_pictures import open_calibration
from hybrid_training.export.measured import measure, open_sets
from hybrid_training.export.model_card import write_card
from hybrid_training.export.onnx_file import write_onnx
from hybrid_training.export.parity import measure_parity, require_parity
from hybrid_training.export.tail import TAILS
from hybrid_training.export.tail_names import DEFAULT_TAIL
from hybrid_training.export.variants import PARITY_IMAGES, add_variants, move_model
from hybrid_training.models.network import build_network

UNKNOWN_COLOR = (255, 255, 255)
LICENCE = (
    'research use: the weights follow the terms of the data they were trained on; check those '
    'before any other use.')


@dataclass(frozen=True)
class ExportRequest:
    """What to export and how to call it.

    Attributes:
        checkpoint: file that training wrote.
        output: folder of the model.
        name: stem of the files.
        size: (height, width), multiples of 32.
        validation: the sets that thresholds and figures come from.
        data_root: folder that `{data}` stands for.
        data_note: the training data in words, for the card.
        tail: how the graph upsamples and sums, a name in `tail.TAILS`.
        precisions: of `variants.DERIVED`, written beside the fp32 graph.
    """

    checkpoint: Path
    output: Path
    name: str
    size: tuple[int, int]
    validation: ValidationConfig
    data_root: Path
    data_note: tuple[str, ...] = ()
    tail: str = DEFAULT_TAIL
    precisions: tuple[str, ...] = ()


def export(request: ExportRequest) -> Manifest:
    """Write `<name>.onnx`, `<name>.json` and `<name>.md` into the output folder, and variants.

    Nothing is written there unless parity holds and every measure was taken.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ExportError: no inlier validation set, the graph does not agree with the network, or a
            variant cannot be made.
    """
    checkpoint = load_checkpoint(request.checkpoint)
    config = TrainingConfig.model_validate(checkpoint.config)
    classes = stored_classes(checkpoint.config)
    sets = open_sets(request.validation, request.data_root, classes)
    # Before the long work, so that pictures that are missing cost none of it.
    calibration = open_calibration(config, request.data_root, classes, request.size) if (
        'int8' in request.precisions) else None
    model = build_network(
        stored_model(checkpoint.config), len(classes), pretrained=False).eval()
    model.load_state_dict(checkpoint.weights)
    request.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=request.output, prefix='.export-') as folder:
        draft = Path(folder)
        write_onnx(model, draft / f'{request.name}.onnx', request.size, request.tail)
        document = _document(request, checkpoint, config, classes)
        path = draft / f'{request.name}.json'
        exported = _open(write_manifest(path, document))
        network = NetworkPredictor(model, request.size)
        parity = measure_parity(network, exported, sets.spread(PARITY_IMAGES))
        require_parity(parity, label_agreement=TAILS[request.tail].label_agreement)
        document |= measure(exported, sets, ranked=network)
        document['metrics']['parity'] = asdict(parity)
        manifest = write_manifest(path, document)
        add_variants(
            manifest, document['metrics'], request.precisions, sets, calibration)
        write_card(path)
        move_model(draft, request.output, last=path.name)
    return load_manifest(request.output / path.name)


def _open(manifest: Manifest) -> ExportedPredictor:
    return ExportedPredictor(manifest, create_backend('onnxruntime', manifest))


def _document(
        request: ExportRequest, checkpoint: Checkpoint, config: TrainingConfig,
        classes: ClassList) -> dict[str, Any]:
    names_and_colors = zip(classes.names, classes.colors, strict=True)
    return {
        'format': 1, 'name': request.name, 'file': f'{request.name}.onnx',
        'input': {'name': 'image', 'height': request.size[0], 'width': request.size[1],
                  'layout': 'NHWC', 'color': 'rgb', 'dtype': 'uint8'},
        'outputs': {'label': 'label', 'anomaly_score': 'anomaly_score'},
        'classes': [{'id': i, 'name': name, 'color': list(color)}
                    for i, (name, color) in enumerate(names_and_colors)],
        'unknown': {'id': len(classes), 'name': 'unknown', 'color': list(UNKNOWN_COLOR)},
        'score': {'name': 'hybrid', 'definition': 'ln P(d_out|x) - logsumexp of the class logits',
                  'resolution': 'stride 4, upsampled bilinearly with half-pixel centres'},
        # Replaced once the graph that they are thresholds of has been measured.
        'default_operating_point': 'draft',
        'operating_points': {'draft': {'threshold': 0.0, 'target': 'none', 'data': 'none'}},
        'precision': 'fp32', 'metrics': {},
        'provenance': _provenance(request, checkpoint, config),
    }


def _provenance(
        request: ExportRequest, checkpoint: Checkpoint, config: TrainingConfig,
) -> Mapping[str, Any]:
    data = [inlier.root.replace('{data}/', '') for inlier in config.inliers]
    negatives = [config.negatives.root.replace('{data}/', '')] if config.negatives else []
    return {
        'training_commit': _commit(), 'config': config.name, 'steps': checkpoint.step,
        'network': str(config.model), 'init': config.init,
        'date': datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        'data': list(request.data_note) or data + negatives, 'licence': LICENCE,
        'tail': request.tail,
        'command': 'make train CONFIG=my.yaml DATA=DATA RUN=runs/mine && make model DATA=DATA '
                   f'RUN=runs/mine, starting from {_config_path(config.name)}'}


def _config_path(name: str) -> str:
    """Return where the repository holds a configuration of this name, else a file beside."""
    shipped = Path(__file__).parents[1] / 'configs' / f'{name}.yaml'
    where = 'hybrid_training/hybrid_training/configs/' if shipped.is_file() else ''
    return f'{where}{name}.yaml'


def _commit() -> str:
    try:
        found = subprocess.run(
            ['git', 'describe', '--always', '--dirty'], cwd=Path(__file__).parent,
            capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return 'unknown'
    return found.stdout.strip()
