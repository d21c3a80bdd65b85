# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Time and accuracy of every tail that `hybrid-training export --tail` offers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
import sys
import tempfile
from typing import Any

import onnx

from benchmark.exported import export_network, open_session, with_tail, without_score
from benchmark.interleaved import milliseconds, noise, ratio, take_turns
from benchmark.table import MODELS, ROOT, Settings, Table
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_training.config import ModelConfig, class_list, load_config
from hybrid_training.evaluation.measures import closed_miou, pool_scores
from hybrid_training.evaluation.predictors import ExportedPredictor
from hybrid_training.exceptions import HybridTrainingError
from hybrid_training.export.measured import MeasuringSets, open_sets
from hybrid_training.export.tail_names import DEFAULT_TAIL, TAIL_NAMES
from hybrid_training.models.network import build_network

CONFIG = ROOT / 'hybrid_training' / 'hybrid_training' / 'configs' / 'first_drive.yaml'
QUICK_SIZE = (64, 128)
QUICK_TAILS = (DEFAULT_TAIL, 'nearest')
CLASSES = 19
ALONE = f'{DEFAULT_TAIL}, label alone'
NO_DATA = 'give `--data`, labelled sets of the classes of the model'


@dataclass(frozen=True)
class Source:
    """What the graphs are made from.

    Attributes:
        model: a whole graph; its tail is replaced.
        num_classes: K.
        sets: what accuracy is measured on; None for time alone.
        images: of each set, evenly spread; None for all.
        without: why there are no sets.
    """

    model: Any
    num_classes: int
    sets: MeasuringSets | None = None
    images: int | None = None
    without: str = NO_DATA


def measure(settings: Settings, *, images: int | None = 10) -> list[Table]:
    """Time every tail with each number of threads; measure accuracy where there is data."""
    source = load_source(settings, images)
    graphs = {kind: with_tail(source.model, kind, source.num_classes)
              for kind in (QUICK_TAILS if settings.quick else TAIL_NAMES)}
    accuracy = {kind: _accuracy(graph, settings, source) for kind, graph in graphs.items()}
    note = f'No accuracy: {source.without}.'
    if source.sets is not None:
        pictures = f'{source.images} pictures, evenly spread,' if source.images else 'all pictures'
        note = f'Accuracy is of {pictures} of each set.'
    return [_table(graphs, accuracy, settings, threads, note) for threads in settings.threads]


def load_source(settings: Settings, images: int | None) -> Source:
    """Return the graph that is measured and the sets; a set that is missing costs no timing."""
    if settings.quick:
        network = build_network(ModelConfig(weights='random'), CLASSES, pretrained=False)
        return Source(export_network(network, QUICK_SIZE), CLASSES)
    manifest = load_manifest(settings.model)
    sets, without = None, NO_DATA
    try:
        sets = _sets(manifest, settings.data) if settings.data else None
    except (HybridTrainingError, OSError, ValueError) as error:
        without = str(error)
    return Source(onnx.load(manifest.onnx_path), manifest.class_map.num_classes, sets, images,
                  without)


def _sets(manifest: Manifest, data: Path) -> MeasuringSets | None:
    """Open the sets that the shipped configuration validates on, if they have these classes."""
    config = load_config(CONFIG)
    classes = class_list(config.classes, data)
    if config.validation is None or classes.names != manifest.class_map.names:
        return None
    return open_sets(config.validation, data, classes)


def _accuracy(graph: Any, settings: Settings, source: Source) -> Mapping[str, float]:
    """Return mIoU of the inlier set, AP and FPR95 of each anomaly set, percent, by column."""
    sets = source.sets
    if sets is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'variant.onnx'
        onnx.save(graph, path)
        manifest = replace(load_manifest(settings.model), onnx_path=path)
        predictor = ExportedPredictor(
            manifest, OnnxRuntimeBackend(manifest, threads=settings.threads[-1]))
        miou, _ = closed_miou(predictor, sets.inliers, source.num_classes, limit=source.images)
        found = {f'mIoU {sets.inlier_name}': 100 * miou}
        for name, pairs in sets.anomalies.items():
            figures = pool_scores(predictor, pairs, limit=source.images).measures()['hybrid']
            found |= {f'AP {name}': 100 * figures.ap, f'FPR95 {name}': 100 * figures.fpr95}
    return found


def _table(
    graphs: Mapping[str, Any], accuracy: Mapping[str, Mapping[str, float]], settings: Settings,
    threads: int, note: str,
) -> Table:
    sessions = {name: open_session(graph, threads) for name, graph in
                {**graphs, ALONE: without_score(graphs[DEFAULT_TAIL])}.items()}
    shape = sessions[DEFAULT_TAIL].get_inputs()[0].shape
    image = noise(tuple(shape))
    seconds = take_turns(
        {name: partial(session.run, None, {'image': image}) for name, session in sessions.items()},
        settings.rounds(30))
    columns = tuple(accuracy[DEFAULT_TAIL])
    rows = [(f'`{name}`' if name in graphs else name, *milliseconds(seconds[name]),
             f'{ratio(seconds, name, DEFAULT_TAIL):.3f}',
             *(f'{accuracy[name][c]:.2f}' if name in graphs else '' for c in columns))
            for name in seconds]
    return Table(
        f'{shape[2]}x{shape[1]}, {threads} thread(s)',
        ('`--tail`', 'median ms', 'p99 ms', f'to `{DEFAULT_TAIL}`', *columns), tuple(rows),
        'Whole graphs in ONNX Runtime, each opened once, which moves its time by a per cent; '
        f'what the score costs is measured over several in the first section. {note}')


def main() -> int:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(
        prog='python3 -m benchmark.graph_variants', description=__doc__,
        epilog='example: python3 -m benchmark.graph_variants --data data --output variants.md')
    parser.add_argument('--data', type=Path, metavar='DIR', help='labelled sets')
    parser.add_argument('--model', type=Path, default=MODELS,
                        help='manifest, .onnx or folder of a floating-point model (models/)')
    parser.add_argument('--images', type=int, metavar='N', help='of each set, spread (all)')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads (1)')
    parser.add_argument('--output', type=Path, metavar='MD', help='write there too')
    parser.add_argument('--quick', action='store_true', help='small; the figures mean nothing')
    options = parser.parse_args()
    settings = Settings(options.model, (options.threads,), options.quick, options.data)
    text = '\n'.join(table.markdown() for table in measure(settings, images=options.images))
    print(text)
    if options.output:
        options.output.write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
