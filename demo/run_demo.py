# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Play a drive through the real node over real DDS, record what it says, and report.

`make demo` installs everything and runs this. The node, the camera and this recorder are three
processes, as on a robot.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import random
import shutil
import signal
import sys
import time

import cv2
import rclpy
from rclpy.executors import SingleThreadedExecutor

from demo_process import SHARE, DemoProcess, demo_environment, node_command
from frame_source import SourceError, open_source
from hybrid_perception.exceptions import HybridPerceptionError
from hybrid_perception.manifest import Manifest, load_manifest
from page import render_page
from panels import choose_best, make_panels
from recorder import Answer, Recorder
from report import Report, measure_quality, read_log, spread

HERE = Path(__file__).resolve().parent
CLIP = HERE / 'clip'
NODE_NAME = 'perception'
START_SECONDS = 120.0
QUIET_SECONDS = 2.0
KEPT = 300
SHARED_MEMORY = 256 << 20
SHOWN = 40


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


def main() -> int:
    """Run the demo; return 0 if the node answered and stopped as it should."""
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        check_output(args.output)
        args.output.mkdir(parents=True, exist_ok=True)
        manifest = load_manifest(args.model or SHARE / 'models')
        environment = demo_environment(random.randint(1, 100))
        os.environ.update(environment)
        answers, report = play(args, manifest, environment)
        write_output(args, manifest, answers, report)
    except (DemoError, SourceError, HybridPerceptionError, FileNotFoundError) as error:
        print(f'\ndemo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def check_output(folder: Path) -> None:
    """Check that the folder is new, empty, or that of an earlier demo, which left its log there.

    Raises:
        DemoError: It holds something else, among which pictures would be replaced.
    """
    if folder.exists() and not (folder / 'node.log').is_file() and (
            not folder.is_dir() or any(folder.iterdir())):
        raise DemoError(f'{folder} exists and is not the output of a demo; name a new folder')


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog='example: python3 demo/run_demo.py --source drive.mp4')
    parser.add_argument('--source', default=str(CLIP),
                        help='video file, folder of pictures or camera device; the bundled clip')
    parser.add_argument('--model', type=lambda text: str(Path(text).resolve()),
                        help='manifest (.json) or .onnx beside its manifest; the shipped model')
    parser.add_argument('--seconds', type=float, default=20.0,
                        help='play no longer than this; 0: to the end (20)')
    parser.add_argument('--output', type=Path, default=HERE / 'output',
                        help='folder for pictures, page and logs (demo/output)')
    return parser.parse_args()


def play(
    args: argparse.Namespace, manifest: Manifest, environment: dict[str, str]
) -> tuple[dict[int, Answer], Report]:
    """Start the node and the camera, record until the camera is done, and measure.

    Returns:
        The answers by frame index, and the numbers.

    Raises:
        DemoError: The node or the camera failed, or no answer came.
    """
    labels = open_source(args.source).labels
    if labels and not has_same_classes(manifest):
        labels = None
    command = node_command(args.model, environment)
    warn_of_small_shared_memory()
    print(f'model   {manifest.name} ({manifest.path.name})')
    print(f'source  {args.source}')
    print(f'node    {" ".join(command)}')
    sent_log = args.output / 'sent.csv'
    sent_log.unlink(missing_ok=True)
    camera_command = [sys.executable, str(HERE / 'camera_publisher.py'), args.source,
                      '--seconds', str(args.seconds), '--wait', str(START_SECONDS),
                      '--log', str(sent_log)]
    rclpy.init()
    recorder = Recorder(NODE_NAME, full=labels is not None, limit=KEPT)
    try:
        with DemoProcess('node', command, environment, args.output / 'node.log') as node, \
                DemoProcess('camera', camera_command, environment,
                            args.output / 'camera.log') as camera:
            seconds = record(recorder, node, camera, sent_log)
            if not node.stop():
                raise DemoError(f'the node did not stop when asked to; its log: {node.log}')
    finally:
        recorder.destroy_node()
        rclpy.try_shutdown()
    indices = read_log(sent_log)
    answers = {indices[stamp]: answer for stamp, answer in sorted(recorder.answers.items())
               if stamp in indices}
    latencies = tuple(answer.latency for answer in recorder.received)
    if not latencies:
        raise DemoError(
            f'{len(indices)} frames were sent and the node answered none. Its log, {node.log}, '
            f'ends with:\n{node.tail()}')
    quality = measure_quality(answers, labels, manifest.class_map) if labels else None
    return answers, Report(len(indices), latencies, seconds, quality)


def warn_of_small_shared_memory() -> None:
    """Say so where a container leaves no room for three processes with 64 MB each."""
    shared = Path('/dev/shm')
    if shared.is_dir() and shutil.disk_usage(shared).free < SHARED_MEMORY:
        print(f'{shared} has less than {SHARED_MEMORY >> 20} MB free; if no image arrives, start '
              'the container with --shm-size=512m (docs/transport.md)')


def has_same_classes(manifest: Manifest) -> bool:
    """Tell whether the model speaks of the clip's classes: 19 of Cityscapes and one unknown."""
    same = manifest.class_map.num_classes == manifest.class_map.unknown_id == 19
    if not same:
        print('the model has other classes than the clip: no comparison with its ground truth')
    return same


def duration(stamps: list[int]) -> float:
    """Return the seconds that frames with these stamps (ns) take, the last one included."""
    if len(stamps) < 2:
        return 1.0
    return (stamps[-1] - stamps[0]) / 1e9 * len(stamps) / (len(stamps) - 1)


def record(
    recorder: Recorder, node: DemoProcess, camera: DemoProcess, sent_log: Path
) -> float:
    """Spin until the camera has ended and the node is quiet, and print progress.

    Returns:
        Duration of the play in seconds.

    Raises:
        DemoError: A process died or the camera found no reader.
    """
    executor = SingleThreadedExecutor()
    executor.add_node(recorder)
    print('waiting for the node to load its model ...', flush=True)
    first = last = shown = 0.0
    ended = count = 0
    while not ended or time.monotonic() - max(last, ended) < QUIET_SECONDS:
        executor.spin_once(timeout_sec=0.1)
        now = time.monotonic()
        if len(recorder.answers) > count:
            count, last = len(recorder.answers), now
        if node.exit_code is not None:
            raise DemoError(f'the node ended by itself (exit code {node.exit_code}). '
                            f'Its log, {node.log}, ends with:\n{node.tail()}')
        if not first and node.reports_error():
            # It may live on, waiting for someone to mend its settings; nobody will.
            raise DemoError(
                f'the node cannot start. Its log, {node.log}, ends with:\n{node.tail()}')
        if not first and sent_log.exists():
            first = now
        if not ended and camera.exit_code is not None:
            if camera.exit_code:
                raise DemoError(f'the camera failed: {camera.tail(3)}\n'
                                f"The node's log, {node.log}, ends with:\n{node.tail()}")
            ended = now
        if first and now - shown > 1.0 and not ended:
            shown = now
            print(f'  {now - first:5.1f} s   sent {len(read_log(sent_log)):4d}   '
                  f'answered {len(recorder.received):4d}', flush=True)
    return duration(list(read_log(sent_log)))


def write_output(
    args: argparse.Namespace, manifest: Manifest, answers: dict[int, Answer], report: Report
) -> None:
    """Print the table, and write overlays, page and the README's picture."""
    class_map = manifest.class_map
    overlays = args.output / 'overlays'
    overlays.mkdir(exist_ok=True)
    for old in overlays.glob('*.jpg'):
        old.unlink()
    kept = [index for index, answer in answers.items() if answer.overlay]
    for index in kept:
        (overlays / f'{index:06d}.jpg').write_bytes(answers[index].overlay)
    panels = make_panels(answers, spread(kept, SHOWN), args.source, class_map)
    page = args.output / 'index.html'
    if panels:
        best = choose_best(panels, open_source(args.source).labels, class_map.unknown_id)
        cv2.imwrite(str(args.output / 'overlay.png'), best.compose())
        classes = [*zip(class_map.names, class_map.colors, strict=True),
                   (class_map.unknown_name, class_map.unknown_color)]
        page.write_text(render_page(
            source=Path(args.source).name, model=manifest.name, rows=report.rows(),
            classes=classes, panels=panels), encoding='utf-8')
    (args.output / 'report.txt').write_text(report.table() + '\n', encoding='utf-8')
    print(f'\n{report.table()}\n')
    print(f'look at        {page}')
    print(f'overlays       {overlays}')
    print(f'log            {args.output / "node.log"}')
    print('\nnext           make demo SOURCE=drive.mp4     your own video or folder of pictures')
    print('               make demo SOURCE=/dev/video0   your own camera')
    print('on a robot     ros2 launch hybrid_perception camera.launch.py '
          'image_topic:=/camera/image_raw')
    print('with a bag     the same, and in a second shell: ros2 bag play drive.mcap')


if __name__ == '__main__':
    sys.exit(main())
