# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception replay``: a recording in, a bag with the node's topics out."""

from __future__ import annotations

import argparse
import hashlib
import math
from pathlib import Path
import sys
from typing import TYPE_CHECKING, Any

import cv2

from hybrid_perception import __version__
from hybrid_perception.backends.base import Backend
from hybrid_perception.cli.arguments import (
    active_threshold,
    add_jobs_argument,
    add_model_arguments,
    add_picture_arguments,
    add_recording_arguments,
    add_threshold_arguments,
    load_chosen_model,
    open_recording,
    open_segmenters,
    segmenter_settings,
)
from hybrid_perception.cli.objects import add_gate_arguments
from hybrid_perception.cli.progress import Progress
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.manifest import Manifest
from hybrid_perception.objects.json_lines import NEEDED, write_object_lines
from hybrid_perception.objects.open_set_object import ObjectGate
from hybrid_perception.outputs import check_bag, check_object_lines
from hybrid_perception.replay.detection_message import TOPIC as OBJECTS
from hybrid_perception.replay.output_bag import MessageWriter, output_prefixes
from hybrid_perception.replay.replayer import Replayer, ReplayReport
from hybrid_perception.scene import IMAGES, LABELS, Style

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

_OUTPUTS = {output.topic: output for output in IMAGES}
_SHOWN = 5


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'replay',
        help="run a recording through the model into a bag with the node's topics",
        description='Segment every frame of a bag, a video or a folder of pictures as the node '
        'would, and write a bag with its topics, types, stamps and headers. Needs no ROS. A run '
        'that was killed goes on where it was when the same command is run again.',
        epilog='Example: hybrid-perception replay drive.mcap --model models/street.json '
        '--output seen.mcap',
    )
    add_recording_arguments(parser)
    add_model_arguments(parser)
    add_jobs_argument(parser)
    parser.add_argument(
        '--output', metavar='OUT', type=Path, required=True,
        help='an .mcap file, or without that ending the folder of a rosbag2')
    add_threshold_arguments(parser)
    parser.add_argument(
        '--outputs', nargs='+', metavar='NAME', choices=(*_OUTPUTS, OBJECTS),
        default=[output.topic for output in LABELS],
        help=f'what to write, of {", ".join(_OUTPUTS)} and {OBJECTS} (default: the first '
        f'{len(LABELS)})')
    parser.add_argument(
        '--with-input', action='store_true', help='write the camera images too')
    add_picture_arguments(parser)
    parser.add_argument(
        '--objects', metavar='JSONL', type=Path,
        help='list the unknown objects, as hybrid-perception objects does')
    add_gate_arguments(parser)
    parser.add_argument(
        '--compress', action='store_true',
        help='pack the output with Zstandard: about half as large, and it costs processor time')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace the output where it exists')
    parser.add_argument(
        '--restart', action='store_true', help='throw an unfinished run away')
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> None:
    """Replay a recording.

    Raises:
        HybridPerceptionError: The recording, the model or an argument cannot be used, or the
            output cannot be written.
    """
    check_bag(arguments.output, inputs=[arguments.input], overwrite=arguments.overwrite)
    if arguments.objects is not None:
        check_object_lines(arguments.objects, inputs=[arguments.input, arguments.output])
    manifest = load_chosen_model(arguments)
    style = _style(arguments, manifest)
    _check_objects(arguments)
    source = open_recording(arguments)
    outputs = [output for topic, output in _OUTPUTS.items() if topic in arguments.outputs]
    writer = MessageWriter(
        source.topics, outputs, with_input=arguments.with_input,
        unknown_id=manifest.class_map.unknown_id if OBJECTS in arguments.outputs else None)
    backend, segmenters = open_segmenters(arguments, manifest)
    # OpenCV would put every core on each of the frames that are worked on at a time.
    cv2.setNumThreads(1)
    try:
        replayer = Replayer(
            source, segmenters, writer, class_map=manifest.class_map, style=style,
            compress=arguments.compress,
            settings=_settings(arguments, manifest, backend, style))
        with Progress('replay', source.total) as progress:
            report = replayer.run(
                arguments.output, overwrite=arguments.overwrite, restart=arguments.restart,
                progress=progress.step)
    finally:
        for segmenter in segmenters:
            segmenter.close()
    _tell(arguments.output, report)
    if arguments.objects is not None:
        count = write_object_lines(
            arguments.output, arguments.objects, class_map=manifest.class_map, style=style,
            cameras={prefix: topic for topic, prefix in
                     output_prefixes(tuple(source.topics)).items()})
        print(f'{arguments.objects}: {count} objects, each counted in every frame')


def _check_objects(arguments: argparse.Namespace) -> None:
    missing = [name for name in NEEDED if name not in arguments.outputs]
    if arguments.objects is not None and missing:
        raise ParameterError(f'--objects needs {missing[0]} among the --outputs')


def _style(arguments: argparse.Namespace, manifest: Manifest) -> Style:
    threshold = active_threshold(arguments, manifest)
    vmin, vmax = arguments.color_range
    if not (math.isfinite(vmin) and math.isfinite(vmax) and vmin < vmax):
        raise ParameterError(f'the colour range is {vmin} {vmax}; want VMIN < VMAX, both finite')
    if not 0 <= arguments.overlay_alpha <= 1:
        raise ParameterError(f'the overlay weight is {arguments.overlay_alpha}; want 0..1')
    return Style(threshold, arguments.overlay_alpha, vmin, vmax,
                 confidence_range=manifest.confidence_range,
                 objects=ObjectGate(arguments.min_area, arguments.max_count))


def _settings(
    arguments: argparse.Namespace, manifest: Manifest, backend: Backend, style: Style
) -> dict[str, Any]:
    return {
        'version': __version__,
        'recording': _fingerprint(arguments.input),
        'topic': sorted(arguments.topic),
        'fps': arguments.fps,
        'model': manifest.sha256,
        **segmenter_settings(arguments, backend),
        'threshold': style.threshold,
        'confidence_range': style.confidence_range,
        'overlay_alpha': style.overlay_alpha,
        'color_range': [style.vmin, style.vmax],
        'outputs': sorted(arguments.outputs),
        'objects': ([arguments.min_area, arguments.max_count] if OBJECTS in arguments.outputs
                    else []),
        'with_input': arguments.with_input,
        'compress': arguments.compress,
    }


def _fingerprint(path: Path) -> str:
    """Tell recordings apart by the names, sizes and times of their files."""
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        status = file.stat()
        digest.update(f'{file.name} {status.st_size} {status.st_mtime_ns}\n'.encode())
    return digest.hexdigest()


def _tell(output: Path, report: ReplayReport) -> None:
    computed = report.written - report.kept
    rate = computed / report.seconds if report.seconds else 0.0
    print(f'{output}: {report.written} frames, {rate:.1f} frames/s'
          + (f' ({report.kept} kept from the run before)' if report.kept else ''))
    for note in report.notes:
        print(f'note: {note}', file=sys.stderr)
    if report.skipped:
        print(f'{len(report.skipped)} frame(s) could not be used:', file=sys.stderr)
        for skipped in report.skipped[:_SHOWN]:
            print(f'  {skipped.reason}', file=sys.stderr)
        if len(report.skipped) > _SHOWN:
            print('  ...', file=sys.stderr)
