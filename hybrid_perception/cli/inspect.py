# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception inspect``: show a model, check its files, try it on an image."""

from __future__ import annotations

import argparse
from dataclasses import asdict
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.registry import BACKEND_NAMES, create_backend
from hybrid_perception.cli.arguments import add_precision_argument
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.files import json_text
from hybrid_perception.labels import UNLABELED
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.picture import read_picture
from hybrid_perception.rendering import anomaly_color, overlay
from hybrid_perception.segmentation import Segmenter

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

SCORE_SPAN = 5.0
"""Nats shown on either side of the threshold: a factor of 150 in the likelihood ratio."""


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'inspect',
        help='show a model, check its files, try it on an image',
        description='Show a model, check its hash and tensors, and try it on an image.',
        epilog='Example: hybrid-perception inspect models/street.json '
        '--image street.jpg --output seen/',
    )
    parser.add_argument('model', metavar='MODEL', help='manifest, ONNX file or their directory')
    add_precision_argument(parser)
    parser.add_argument('--json', action='store_true', help='print JSON for other programs')
    parser.add_argument(
        '--image', metavar='FILE', type=Path, help='JPEG or PNG to segment; needs --output'
    )
    parser.add_argument(
        '--output', metavar='DIR', type=Path,
        help='where overlay.png, label.png (ids), open_set_label.png (ids) and '
        'anomaly_score.png (colours) go',
    )
    parser.add_argument(
        '--operating-point', metavar='NAME', help="threshold to use; the model's default if absent"
    )
    parser.add_argument('--backend', choices=BACKEND_NAMES, default='auto', help='engine')
    parser.add_argument('--threads', type=int, help='CPU threads; all usable cores if absent')
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> None:
    """Inspect a model.

    Raises:
        HybridPerceptionError: The model, the image or an argument cannot be used.
    """
    if (arguments.image is None) != (arguments.output is None):
        arguments.parser.error('--image and --output go together')
    manifest = load_manifest(arguments.model, precision=arguments.precision)
    threshold = manifest.threshold(arguments.operating_point)
    backend = create_backend(arguments.backend, manifest, threads=arguments.threads)
    try:
        report = describe(manifest, backend)
        if arguments.image is not None:
            report['image'] = _try_image(
                manifest, backend, threshold, arguments.image, arguments.output
            )
    finally:
        backend.close()
    print(json_text(report).rstrip() if arguments.json else _to_text(report))


def describe(manifest: Manifest, backend: Backend) -> dict[str, Any]:
    """Collect what there is to know about a loaded model, as JSON types."""
    height, width = manifest.input_size
    classes = manifest.class_map
    return {
        'name': manifest.name,
        'manifest': str(manifest.path),
        'file': str(manifest.onnx_path),
        'sha256': manifest.sha256,
        'sha256_matches': True,
        'precision': manifest.precision,
        'variants': {name: str(path) for name, path in manifest.variants.items()},
        'backend': {'name': backend.name, 'detail': backend.detail},
        'tensors': [
            {'name': manifest.input_name, 'role': 'input', 'dtype': 'uint8',
             'shape': [1, height, width, 3]},
            {'name': manifest.label_name, 'role': 'output', 'dtype': 'uint8',
             'shape': [1, height, width]},
            {'name': manifest.score_name, 'role': 'output', 'dtype': 'float32',
             'shape': [1, height, width]},
        ],
        'score': manifest.score_definition,
        'classes': list(classes.names),
        'unknown': {'id': classes.unknown_id, 'name': classes.unknown_name},
        'default_operating_point': manifest.default_operating_point,
        'operating_points': {
            name: asdict(point) for name, point in manifest.operating_points.items()
        },
        'provenance': dict(manifest.provenance),
        'metrics': dict(manifest.metrics),
    }


def _try_image(
    manifest: Manifest, backend: Backend, threshold: float, image: Path, output: Path
) -> dict[str, Any]:
    rgb = read_picture(image, upright=True)
    segmentation = Segmenter(manifest, backend).segment(rgb)
    classes = manifest.class_map
    mask = segmentation.open_set_mask(threshold)
    score, label = segmentation.anomaly_score, segmentation.label
    vmin, vmax = threshold - SCORE_SPAN, threshold + SCORE_SPAN
    pictures = {
        'overlay.png': overlay(rgb, label, mask, classes),
        'label.png': label,
        'open_set_label.png': segmentation.open_set_label(threshold, classes.unknown_id),
        'anomaly_score.png': anomaly_color(score, vmin=vmin, vmax=vmax),
    }
    shares = np.bincount(label.ravel(), minlength=UNLABELED + 1) / label.size
    return {
        'file': str(image),
        'size': [rgb.shape[1], rgb.shape[0]],
        'threshold': threshold,
        'unknown_share': float(np.count_nonzero(mask) / mask.size),
        'class_shares': {name: float(shares[i]) for i, name in enumerate(classes.names)},
        'score_min': float(score.min()),
        'score_median': float(np.median(score)),
        'score_max': float(score.max()),
        'score_colors': [vmin, vmax],
        'written': [str(_write(output / name, picture)) for name, picture in pictures.items()],
    }


def _write(path: Path, picture: NDArray[np.uint8]) -> Path:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    encoded = cv2.imencode('.png', bgr)[1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise HybridPerceptionError(f'{path} cannot be written: {error.strerror}') from error
    return path


def _to_text(report: dict[str, Any]) -> str:
    lines = [
        f'model       {report["name"]} ({report["precision"]})',
        f'manifest    {report["manifest"]}',
        f'file        {report["file"]}',
        f'sha256      {report["sha256"]} (matches)',
        f'backend     {report["backend"]["name"]}: {report["backend"]["detail"]}',
    ]
    lines += [f'variant     {name}: {path}' for name, path in report['variants'].items()]
    for tensor in report['tensors']:
        shape = 'x'.join(str(size) for size in tensor['shape'])
        lines.append(f'{tensor["role"]:<11} {tensor["name"]} {tensor["dtype"]} {shape}')
    classes = [*enumerate(report['classes']), (report['unknown']['id'], report['unknown']['name'])]
    lines += [
        f'classes     {", ".join(f"{index} {name}" for index, name in classes)}',
        f'score       {report["score"]}',
        '',
        f'{"operating point":<18}{"threshold":>11}{"TPR":>9}{"FPR":>9}  target; data',
    ]
    for name, point in report['operating_points'].items():
        mark = '*' if name == report['default_operating_point'] else ' '
        lines.append(
            f'{mark} {name:<16}{point["threshold"]:>11.4f}{_percent(point["tpr"]):>9}'
            f'{_percent(point["fpr"]):>9}  {point["target"]}; {point["data"]}'
        )
    lines.append('* used unless told otherwise')
    for title in ('provenance', 'metrics'):
        if report[title]:
            lines += ['', title]
            lines += [f'  {name}: {json.dumps(value)}' for name, value in report[title].items()]
    if 'image' in report:
        lines += ['', *_image_lines(report['image'])]
    return '\n'.join(lines)


def _image_lines(image: dict[str, Any]) -> list[str]:
    largest = sorted(image['class_shares'].items(), key=lambda entry: -entry[1])[:5]
    seen = ', '.join(f'{name} {_percent(share)}' for name, share in largest if share > 0)
    vmin, vmax = image['score_colors']
    return [
        f'image       {image["file"]}, {image["size"][0]}x{image["size"][1]}',
        f'unknown     {_percent(image["unknown_share"])} of the pixels '
        f'(score >= {image["threshold"]:.4f})',
        f'classes     {seen}',
        f'score       {image["score_min"]:.3f} .. {image["score_max"]:.3f}, '
        f'median {image["score_median"]:.3f}; colours from {vmin:.3f} to {vmax:.3f}',
        *(f'written     {path}' for path in image['written']),
    ]


def _percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.2f} %'
