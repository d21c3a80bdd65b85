# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that the tools for recordings share."""

from __future__ import annotations

import argparse
import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.cores import usable_cores
from hybrid_perception.backends.registry import BACKEND_NAMES, create_backend
from hybrid_perception.backends.shared import SharedBackends
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.geometry import Roi
from hybrid_perception.ignore_mask import load_ignore_mask
from hybrid_perception.installed_model import find_installed_model
from hybrid_perception.manifest import AUTO, PRECISIONS, Manifest, load_manifest
from hybrid_perception.replay.source import Source, open_source
from hybrid_perception.segmentation import Segmenter

MOST_JOBS = 16
"""Frames that are worked on at a time unless more are asked for; each takes memory."""


def add_recording_arguments(
    parser: argparse.ArgumentParser, *, optional: bool = False
) -> None:
    """Add the recording, which may be optional, and what is read of it."""
    parser.add_argument(
        'input', metavar='INPUT', type=Path, nargs='?' if optional else None,
        help='rosbag2 (folder, .mcap, .db3), ROS 1 .bag, video file, or folder of pictures')
    parser.add_argument(
        '--topic', metavar='NAME', action='append', default=[],
        help='camera topic of a bag; may be repeated; may be left out where there is one')
    parser.add_argument(
        '--fps', type=float, metavar='HZ',
        help="rate of a folder (10 if absent), or of a video instead of the container's stamps")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, its engine, and what of the picture it sees; as the node's parameters."""
    parser.add_argument(
        '--model', metavar='MODEL',
        help='manifest, ONNX file or their directory (default: the shipped model)')
    add_engine_arguments(parser)


def load_chosen_model(arguments: argparse.Namespace) -> Manifest:
    """Load the model that is asked for, else the shipped one.

    Raises:
        ModelError: There is none, or it is damaged.
        ParameterError: It has no such variant.
    """
    return load_manifest(arguments.model or find_installed_model(),
                         precision=getattr(arguments, 'precision', AUTO))


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the engine of the model, and what of the picture it sees."""
    add_precision_argument(parser)
    parser.add_argument('--backend', choices=BACKEND_NAMES, default='auto', help='engine')
    parser.add_argument(
        '--threads', type=int, metavar='N',
        help='CPU threads of a frame; if absent all usable cores, or 1 where there are --jobs')
    parser.add_argument(
        '--output-size', choices=('source', 'network'), default='source',
        help="size of the outputs: the camera's (default) or the network's")
    parser.add_argument(
        '--roi', type=int, nargs=4, metavar=('X', 'Y', 'WIDTH', 'HEIGHT'), default=(0, 0, 0, 0),
        help='part of the picture that the network sees, pixels; 0 0 0 0 is all')
    parser.add_argument(
        '--ignore-mask', metavar='PNG', default='', help='grey picture, not black where ignored')


def add_precision_argument(parser: argparse.ArgumentParser) -> None:
    """Add the choice among a model's variants."""
    parser.add_argument(
        '--precision', choices=(AUTO, *PRECISIONS), default=AUTO,
        help='variant of the model; auto: the one that MODEL names')


def add_threshold_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the threshold."""
    threshold = parser.add_mutually_exclusive_group()
    threshold.add_argument(
        '--operating-point', metavar='NAME',
        help="threshold to use; the model's default if absent")
    threshold.add_argument(
        '--threshold', type=float, metavar='SCORE', help='threshold of your own')


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how pictures are painted."""
    parser.add_argument(
        '--overlay-alpha', type=float, default=0.5, metavar='0..1',
        help='weight of the colours in overlay')
    parser.add_argument(
        '--color-range', type=float, nargs=2, default=(-45.0, -5.0), metavar=('VMIN', 'VMAX'),
        help='scores of the first and the last colour of the anomaly score')


def active_threshold(arguments: argparse.Namespace, manifest: Manifest) -> float:
    """Return the threshold that the arguments choose.

    Raises:
        ParameterError: The manifest has no such operating point, or it is not a finite number.
    """
    threshold = (arguments.threshold if arguments.threshold is not None
                 else manifest.threshold(arguments.operating_point))
    if not math.isfinite(threshold):
        raise ParameterError(f'the threshold is {threshold}; it must be a finite number')
    return float(threshold)


def open_recording(arguments: argparse.Namespace) -> Source:
    """Open the recording that the arguments name.

    Raises:
        ParameterError: It cannot be read, or an argument does not fit it.
    """
    return open_source(arguments.input, topics=arguments.topic, fps=arguments.fps)


def open_segmenter(
    arguments: argparse.Namespace, manifest: Manifest
) -> tuple[Backend, Segmenter]:
    """Load the model that the arguments name.

    Raises:
        HybridPerceptionError: A file or an argument is at fault; the message names it.
    """
    ignore_mask = load_ignore_mask(arguments.ignore_mask)
    backend = create_backend(arguments.backend, manifest, threads=arguments.threads)
    return backend, _segmenter(arguments, manifest, backend, ignore_mask)


def add_jobs_argument(parser: argparse.ArgumentParser) -> None:
    """Add how many frames are worked on at a time; goes with ``add_engine_arguments``."""
    parser.add_argument(
        '--jobs', type=int, metavar='N',
        help='frames that are worked on at a time: as many as there are usable cores, at most '
        f'{MOST_JOBS}, where neither this nor --threads is given; 1 with --threads alone')


def open_segmenters(
    arguments: argparse.Namespace, manifest: Manifest
) -> tuple[Backend, list[Segmenter]]:
    """Load the model that the arguments name once, for several threads; close each segmenter.

    One frame to a core is quicker than one after the other on all of them: no thread waits for
    another within a frame. There is one segmenter more than frames in the engine, so that it need
    not wait while a frame is decoded or an answer is written.

    Raises:
        HybridPerceptionError: A file or an argument is at fault; the message names it.
    """
    ignore_mask = load_ignore_mask(arguments.ignore_mask)
    jobs, threads, shared = arguments.jobs, arguments.threads, SharedBackends()
    if jobs is None:
        jobs = min(usable_cores(), MOST_JOBS) if threads is None else 1
    elif jobs < 1:
        raise ParameterError(f'--jobs is {jobs}; it must be 1 or more')

    def load() -> Backend:
        return create_backend(
            arguments.backend, manifest, threads=1 if threads is None else threads, calls=jobs)

    first = shared.open(manifest.sha256, load)
    leases = [first, *(shared.open(manifest.sha256, load)
                       for _ in range(max(jobs, first.concurrent_calls)))]
    return first, [_segmenter(arguments, manifest, lease, ignore_mask) for lease in leases]


def _segmenter(
    arguments: argparse.Namespace, manifest: Manifest, backend: Backend,
    ignore_mask: NDArray[np.uint8] | None,
) -> Segmenter:
    return Segmenter(manifest, backend, output_size=arguments.output_size,
                     roi=Roi(*arguments.roi), ignore_mask=ignore_mask)


def segmenter_settings(arguments: argparse.Namespace, backend: Backend) -> dict[str, Any]:
    """Collect what the scores depend on beside the model and the recording, as JSON types."""
    mask = arguments.ignore_mask
    # Behind the semicolon stands why the engine was chosen, which changes nothing.
    engine = backend.detail.partition(';')[0]
    return {
        'backend': f'{backend.name}: {engine}',
        'output_size': arguments.output_size,
        'roi': list(arguments.roi),
        'ignore_mask': hashlib.sha256(Path(mask).read_bytes()).hexdigest() if mask else '',
    }
