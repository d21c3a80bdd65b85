# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception view``: look at a drive in the browser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
import math
from pathlib import Path
import signal
import sys
import threading
from typing import TYPE_CHECKING

from hybrid_perception.cli.arguments import (
    add_engine_arguments,
    add_picture_arguments,
    add_recording_arguments,
    add_threshold_arguments,
    open_recording,
    open_segmenter,
)
from hybrid_perception.cli.objects import add_gate_arguments
from hybrid_perception.cli.progress import Progress
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.installed_model import find_installed_model
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.objects.open_set_object import ObjectGate
from hybrid_perception.outputs import check_page
from hybrid_perception.replay.bag_reader import BagReader
from hybrid_perception.replay.source import is_bag
from hybrid_perception.view.bag_view import BagView, score_nodes
from hybrid_perception.view.browser import open_page
from hybrid_perception.view.drive_view import DriveView
from hybrid_perception.view.html_page import page_frames, write_page
from hybrid_perception.view.legend import Legend
from hybrid_perception.view.rerun_viewer import RerunViewer
from hybrid_perception.view.thinning import stride
from hybrid_perception.view.view_frame import ViewSource

if TYPE_CHECKING:
    from hybrid_perception.ros.live_view import LiveView

    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

_PAGE_FRAMES = 60
_WIDTH = 640
_NODE = '/perception'


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'view',
        help='look at a replay, a drive or the running node in the browser',
        description="Show camera, overlay, anomaly score and mask over time: in Rerun's viewer, "
        'which is served from this machine and needs the extra [view], or with --html as a page '
        'of its own, which needs nothing and whose threshold can be moved. INPUT is a bag that '
        'replay wrote or that was recorded of the node; with --model any recording, which is '
        'segmented now.',
        epilog='Example: hybrid-perception view seen.mcap --html seen.html',
    )
    add_recording_arguments(parser, optional=True)
    parser.add_argument(
        '--live', action='store_true',
        help='instead of INPUT: subscribe to the running node; needs ROS 2')
    parser.add_argument(
        '--node', metavar='NAME',
        help=f'the node whose outputs are shown, where there are several ({_NODE} for --live)')
    parser.add_argument(
        '--model', metavar='MODEL',
        help='manifest, ONNX file or their directory: of the classes and operating points '
        '(default: the shipped model), and to segment an INPUT without outputs')
    add_engine_arguments(parser)
    add_threshold_arguments(parser)
    add_picture_arguments(parser)
    add_gate_arguments(parser)
    parser.add_argument(
        '--html', metavar='PAGE', type=Path, help='write a self-contained page instead')
    parser.add_argument(
        '--frames', type=int, metavar='N',
        help=f'show no more frames than these, an even choice (default: {_PAGE_FRAMES} with '
        '--html, else all)')
    parser.add_argument(
        '--width', type=int, default=_WIDTH, metavar='PIXELS',
        help=f'largest width of the pictures (default: {_WIDTH})')
    parser.add_argument(
        '--port', type=int, default=9090, metavar='N',
        help='of the viewer; the next one serves its data (default: 9090)')
    parser.add_argument(
        '--memory', default='2GiB', metavar='SIZE',
        help="what the viewer's server keeps; older frames are dropped (default: 2GiB)")
    parser.add_argument(
        '--no-browser', action='store_true', help='do not open the browser')
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> None:
    """Show a recording, or the running node.

    Raises:
        HybridPerceptionError: The input, the model or an argument cannot be used, or what the
            viewer needs is missing.
    """
    _check(arguments)
    manifest = load_manifest(
        arguments.model or find_installed_model(), precision=arguments.precision)
    legend = Legend.of_model(
        manifest, title=_title(arguments), operating_point=arguments.operating_point,
        threshold=arguments.threshold, color_range=tuple(arguments.color_range),
        alpha=arguments.overlay_alpha,
        gate=ObjectGate(arguments.min_area, arguments.max_count))
    if arguments.html is not None:
        _write(arguments, manifest, legend)
    else:
        _serve(arguments, manifest, legend)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.live == (arguments.input is not None):
        raise ParameterError('view takes either INPUT or --live')
    if arguments.live and arguments.html is not None:
        raise ParameterError('--html shows a recording, not --live; record the node first')
    if arguments.html is not None:
        check_page(arguments.html, inputs=[arguments.input])
    if arguments.frames is not None and arguments.frames < 2:
        raise ParameterError(f'--frames is {arguments.frames}; it must be 2 or more')
    if arguments.width < 16:
        raise ParameterError(f'--width is {arguments.width}; it must be 16 pixels or more')
    if not 0 < arguments.port < 65535:
        raise ParameterError(f'--port is {arguments.port}; it must lie in 1..65534')
    if arguments.threshold is not None and not math.isfinite(arguments.threshold):
        raise ParameterError(
            f'the threshold is {arguments.threshold}; it must be a finite number')
    if not 0 <= arguments.overlay_alpha <= 1:
        raise ParameterError(f'the overlay weight is {arguments.overlay_alpha}; want 0..1')


def _title(arguments: argparse.Namespace) -> str:
    if arguments.live:
        return f'{arguments.node or _NODE} live'
    return str(arguments.input.resolve().name)


def _write(arguments: argparse.Namespace, manifest: Manifest, legend: Legend) -> None:
    limit = arguments.frames or _PAGE_FRAMES
    with _open(arguments, manifest, legend) as source:
        every = stride(source.total, limit)
        total = None if source.total is None else -(-source.total // every)
        with Progress('view', total) as progress:
            frames = page_frames(
                progress.through(source.frames(every)), legend, limit=limit,
                width=arguments.width)
        _tell(source)
    write_page(arguments.html, legend, frames)
    size = arguments.html.stat().st_size / 1e6
    print(f'{arguments.html}: {len(frames)} frames, {size:.1f} MB')
    if not arguments.no_browser:
        open_page(arguments.html.resolve().as_uri())


def _serve(arguments: argparse.Namespace, manifest: Manifest, legend: Legend) -> None:
    with _open(arguments, manifest, legend) as source, RerunViewer(
            legend, port=arguments.port, memory=arguments.memory, width=arguments.width,
            live=arguments.live, timed=source.timed) as viewer, suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f'{viewer.address}\nCtrl-C ends it', flush=True)
        if not arguments.no_browser:
            open_page(viewer.address)
        every = 1 if arguments.frames is None else stride(source.total, arguments.frames)
        total = None if source.total is None else -(-source.total // every)
        with Progress('view', total) as progress:
            for frame in progress.through(source.frames(every)):
                viewer.log(frame)
        _tell(source)
        threading.Event().wait()


@contextmanager
def _open(
    arguments: argparse.Namespace, manifest: Manifest, legend: Legend
) -> Iterator[ViewSource]:
    """Open the node, or the outputs that the input has, else segment it."""
    if arguments.live:
        with _open_live(arguments, manifest) as live:
            yield live
        return
    path = arguments.input
    if not path.exists():
        raise ParameterError(f'{path} does not exist; view takes a bag, or --model and a drive')
    bag = is_bag(path)
    if bag and (arguments.model is None or _has_scores(path)):
        if len(arguments.topic) > 1:
            raise ParameterError('a view shows one camera; give one --topic')
        yield BagView(path, manifest.class_map, node=arguments.node,
                      camera=next(iter(arguments.topic), None))
        return
    if arguments.model is None:
        raise ParameterError(
            f'{path} is not a bag of outputs; add --model MODEL to segment it now')
    source = open_recording(arguments)
    _, segmenter = open_segmenter(arguments, manifest)
    try:
        yield DriveView(source, segmenter, manifest.class_map, legend.style)
    finally:
        segmenter.close()


def _open_live(arguments: argparse.Namespace, manifest: Manifest) -> LiveView:
    try:
        from hybrid_perception.ros.live_view import LiveView
    except ImportError as error:
        raise ParameterError(
            f"--live needs ROS 2 ({error}); source it, or install the extra 'ros'") from error
    return LiveView(manifest.class_map, node=arguments.node or _NODE,
                    camera=next(iter(arguments.topic), None))


def _has_scores(path: Path) -> bool:
    with BagReader(path) as reader:
        return bool(score_nodes(reader.topics))


def _tell(source: ViewSource) -> None:
    shown = 5
    for note in source.notes[:shown]:
        print(f'note: {note}', file=sys.stderr)
    if len(source.notes) > shown:
        print(f'note: ... and {len(source.notes) - shown} more', file=sys.stderr)
