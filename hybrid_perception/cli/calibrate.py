# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception calibrate``: thresholds from a drive of one's own."""

from __future__ import annotations

import argparse
from contextlib import closing
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
import re
import sys
from typing import TYPE_CHECKING, Any

from hybrid_perception.calibration.calibration_file import calibration_path, write_calibration
from hybrid_perception.calibration.drift_table import LEAST_WINDOWS, DriftTable
from hybrid_perception.calibration.score_table import ScoreTable
from hybrid_perception.cli.arguments import (
    add_model_arguments,
    add_recording_arguments,
    load_chosen_model,
    open_recording,
    open_segmenter,
    segmenter_settings,
)
from hybrid_perception.cli.progress import Progress
from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.replay.frame import NANOSECONDS
from hybrid_perception.replay.overlap import overlap
from hybrid_perception.replay.replayer import Skipped, decode_frames
from hybrid_perception.replay.source import Source
from hybrid_perception.segmentation import Segmenter

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

GUARANTEE = (
    'For a new frame that is exchangeable with the {frames} frames of this drive, the expected '
    'share of its normal pixels taken for unknown is at most the rate asked for (conformal risk '
    'control, frames as units). It is a mean over drives and frames, not a bound for each frame; '
    'neighbouring frames are alike, so a long drive, thinned with --every, comes closest. It says '
    'nothing of other cameras, places and weather.'
)
_SHARES = (0.001, 0.01, *(step / 20 for step in range(1, 20)), 0.99, 0.995, 0.999, 0.9995, 0.9999)


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'calibrate',
        help='choose thresholds on a drive of your own',
        description='Measure the anomaly score on a drive that is believed to be normal, and '
        'write operating points for chosen false positive rates into a file beside the model. The '
        "node selects one by its parameter operating_point, such as 'mine/fpr0.01'.",
        epilog='Example: hybrid-perception calibrate drive.mcap --model models/street.json '
        '--name mine --fpr 0.05 0.01',
    )
    add_recording_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument(
        '--name', metavar='NAME',
        help='name of the calibration; that of the recording if absent')
    parser.add_argument(
        '--fpr', type=float, nargs='+', default=[0.05, 0.01], metavar='RATE',
        help='shares of normal pixels that may be taken for unknown (default: 0.05 0.01)')
    parser.add_argument(
        '--every', type=int, default=1, metavar='N', help='use every Nth frame (default: all)')
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> None:
    """Calibrate on a recording.

    Raises:
        HybridPerceptionError: The recording, the model or an argument cannot be used, or the
            file cannot be written.
    """
    if arguments.every < 1:
        raise ParameterError(f'--every is {arguments.every}; it must be 1 or more')
    name = arguments.name or re.sub(r'[^A-Za-z0-9_-]+', '_', arguments.input.stem)
    manifest = load_chosen_model(arguments)
    calibration_path(manifest.path, name)   # a wrong name should not cost a drive's time
    source = open_recording(arguments)
    backend, segmenter = open_segmenter(arguments, manifest)
    try:
        table, drift, skipped = _measure(source, segmenter, arguments.every)
    finally:
        segmenter.close()
    document: dict[str, Any] = {
        'format': 1,
        'name': name,
        'model_sha256': manifest.sha256,
        'source': {'file': arguments.input.name, 'topics': sorted(source.topics),
                   'every': arguments.every},
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'frames': table.frames,
        'skipped': len(skipped),
        'settings': segmenter_settings(arguments, backend),
        'guarantee': GUARANTEE.format(frames=table.frames),
        'operating_points': {
            f'{name}/fpr{rate:g}': _operating_point(table, rate, arguments.input)
            for rate in sorted(arguments.fpr, reverse=True)},
        'score_quantiles': {
            'share': list(_SHARES), 'score': [table.quantile(share) for share in _SHARES]},
    }
    looks = drift.reference()
    if looks is not None:
        document['drift'] = looks
    path = write_calibration(manifest.path, document)
    _tell(path, document, source, skipped)


def _measure(
    source: Source, segmenter: Segmenter, every: int
) -> tuple[ScoreTable, DriftTable, list[str]]:
    """Stream the drive through the model; decoding and inference overlap."""
    table, drift = ScoreTable(), DriftTable()
    skipped: list[str] = []
    total = None if source.total is None else -(-source.total // every)
    frames = overlap(decode_frames(islice(source.frames(), 0, None, every)))
    with Progress('calibrate', total) as progress, closing(frames):
        for item in frames:
            if isinstance(item, Skipped):
                skipped.append(item.reason)
            else:
                try:
                    score = segmenter.segment(item.rgb).anomaly_score
                except (EncodingError, ParameterError) as error:
                    skipped.append(f'frame {item.frame.index}: {error}')
                else:
                    table.add(score)
                    drift.add(score, item.frame.stamp.nanoseconds / NANOSECONDS)
            progress.step()
    if not table.frames:
        raise ParameterError('no frame of the recording can be used'
                             + (f'; the first: {skipped[0]}' if skipped else ''))
    return table, drift, skipped


def _operating_point(table: ScoreTable, rate: float, recording: Path) -> dict[str, Any]:
    threshold = table.threshold(rate)
    return {
        'threshold': threshold,
        'target': f'expected inlier FPR of a new frame at most {rate:g}',
        'data': f'{recording.name}, {table.frames} frames',
        'fpr': table.rate(threshold),
    }


def _tell(path: Path, document: dict[str, Any], source: Source, skipped: list[str]) -> None:
    print(f'{path}: {document["frames"]} frames')
    for name, point in document['operating_points'].items():
        print(f'  {name:<24} threshold {point["threshold"]:.4f}, {100 * point["fpr"]:.3f} % of '
              'the pixels of this drive reach it')
    print(document['guarantee'])
    print(_tell_drift(document))
    for note in source.notes:
        print(f'note: {note}', file=sys.stderr)
    if skipped:
        print(f'{len(skipped)} frame(s) could not be used; the first: {skipped[0]}',
              file=sys.stderr)


def _tell_drift(document: dict[str, Any]) -> str:
    looks = document.get('drift')
    if looks is None:
        return (f'Too short, or too even, a drive to watch for drift: that needs {LEAST_WINDOWS} '
                'frames or more.')
    return (f'Drift: the node warns when windows of {looks["window"]} frames, '
            f'{looks["interval"]:.2g} s apart, differ from this drive by more than '
            f'drift.tolerance * {looks["limit"]:.3f} (Jensen-Shannon distance; the farthest of '
            f'the {looks["windows"]} windows of this drive).')
