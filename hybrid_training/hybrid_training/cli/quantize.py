# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-training quantize`."""

from __future__ import annotations

import argparse
from pathlib import Path
import sys
from typing import Any

from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_training.cli.arguments import precisions_argument
from hybrid_training.config import load_config


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add this subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        'quantize', help='put FP16 and INT8 variants beside an exported model',
        description='Derive FP16 and INT8 from an fp32 ONNX model; measure each and choose its '
                    'thresholds. The manifest of the model then names them.',
        epilog='Example: hybrid-training quantize models --config my.yaml --precision fp16,int8')
    parser.add_argument('model', type=Path, metavar='MODEL',
                        help='manifest, ONNX file or their directory')
    parser.add_argument('--config', type=Path, required=True, metavar='YAML',
                        help='of the training: int8 is calibrated on its inliers, figures and '
                             'thresholds come from its validation')
    parser.add_argument('--precision', type=precisions_argument, default=('fp16', 'int8'),
                        metavar='LIST', help='of fp16 and int8, with commas (both)')
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Derive the variants and say what they cost."""
    from hybrid_training.export.quantized_model import quantize_model

    if not arguments.precision:
        msg = '--precision: nothing to do; name fp16, int8 or both'
        raise ValueError(msg)
    manifest = quantize_model(
        arguments.model, load_config(arguments.config), arguments.precision, arguments.data)
    print_losses(manifest)
    print(f'done: {manifest.path}; next: hybrid-perception inspect {manifest.path} '
          f'--precision {arguments.precision[0]}')


def print_losses(manifest: Manifest) -> None:
    """Print what each variant of a model costs; what misses its bar goes to stderr."""
    for precision, path in manifest.variants.items():
        loss = load_manifest(path, verify_hash=False).metrics.get('against_fp32')
        if loss is None:
            continue  # a variant that this package did not make
        parts = [f'mIoU {100 * loss["miou"]:+.2f} points']
        parts += [f'AP {100 * change["ap"]:+.2f}, FPR95 {100 * change["fpr95"]:+.2f} on {name}'
                  for name, change in loss['anomaly'].items()]
        print(f'{precision} against fp32: {"; ".join(parts)}')
        if not loss['met']:
            bar = loss['bar']
            print(f'warning: {precision} misses its bar, at most {100 * bar["miou"]:g} points of '
                  f'mIoU and {100 * bar["ap"]:g} of AP', file=sys.stderr)
