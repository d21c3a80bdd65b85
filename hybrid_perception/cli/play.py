# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception play``: a recording over DDS, where rosbag2 is not installed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
import math
import signal
import sys
import threading
from typing import TYPE_CHECKING

from hybrid_perception.cli.arguments import add_recording_arguments
from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.frame import COMPRESSED_TYPE
from hybrid_perception.replay.playback import Playback, open_playback

if TYPE_CHECKING:
    from hybrid_perception.ros.player import PlayReport

    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

CLOCK_RATE = 40.0
_SHOWN = 5


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'play',
        help='send a recording over DDS as its cameras did (needs ROS 2)',
        description='Publish the images and calibrations of a recording, unchanged and with the '
        "recorded timing, like 'ros2 bag play', which this stands in for where rosbag2 is not "
        'installed. Also plays ROS 1 bags, videos and folders. Ends at the end, or with Ctrl-C.',
        epilog='Example: hybrid-perception play drive.mcap --clock --loop, and beside it: '
        'perception_node --ros-args -r image:=/camera/image_raw -p use_sim_time:=true',
    )
    add_recording_arguments(parser)
    parser.add_argument(
        '--rate', type=float, default=1.0, metavar='FACTOR',
        help='speed; 1, the default, as recorded')
    laps = parser.add_mutually_exclusive_group()
    laps.add_argument('--loop', action='store_true', help='play again and again')
    laps.add_argument(
        '--laps', type=int, default=1, metavar='N', help='play so many times (default: 1)')
    parser.add_argument(
        '--start', type=float, default=0.0, metavar='SECONDS',
        help='leave out so much of the recording at its beginning')
    parser.add_argument(
        '--clock', type=float, nargs='?', const=CLOCK_RATE, default=0.0, metavar='HZ',
        help=f'publish /clock for nodes with use_sim_time (at {CLOCK_RATE:g} Hz)')
    parser.add_argument(
        '--wait', type=float, default=60.0, metavar='SECONDS',
        help='wait for somebody who reads a camera topic, then play all the same (default: 60)')
    parser.add_argument(
        '--reliable', action='store_true',
        help='publish reliably; cameras, and this by default, publish best effort')
    parser.add_argument(
        '--ros-args', nargs=argparse.REMAINDER, default=[], metavar='...',
        help='remaps such as -r /cam:=/front/cam; must come last')
    parser.set_defaults(run=run, parser=parser)


def run(arguments: argparse.Namespace) -> None:
    """Play a recording.

    Raises:
        ParameterError: The recording or an argument cannot be used, or ROS 2 is not there.
    """
    _check(arguments)
    with _stop_on_signal() as stop:
        playback = open_playback(arguments.input, topics=arguments.topic, fps=arguments.fps)
        report = _play(arguments, playback, stop)
    _tell(playback, report)


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Let SIGINT and SIGTERM end the playing, from before the slow imports on."""
    stop = threading.Event()
    before = [(number, signal.signal(number, lambda *_: stop.set()))
              for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _play(
    arguments: argparse.Namespace, playback: Playback, stop: threading.Event
) -> PlayReport:
    try:
        from hybrid_perception.ros.player import PlaySettings, play
    except ImportError as error:
        raise ParameterError(
            f"playing needs ROS 2 ({error}); source it, or install the extra 'ros'") from error
    for topic, type_ in sorted(playback.topics.items()):
        print(f'{topic} ({type_})', flush=True)
    return play(playback, PlaySettings(
        rate=arguments.rate, laps=0 if arguments.loop else arguments.laps, start=arguments.start,
        clock=arguments.clock, wait=arguments.wait, reliable=arguments.reliable),
        stop, arguments.ros_args)


def _check(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.rate < math.inf:
        raise ParameterError(f'the rate is {arguments.rate}; it must be above 0, 1 is as recorded')
    if arguments.laps < 1:
        raise ParameterError(f'--laps is {arguments.laps}; it must be 1 or more')
    for name in ('start', 'clock', 'wait'):
        value = getattr(arguments, name)
        if not 0 <= value < math.inf:
            raise ParameterError(f'--{name} is {value}; it must be 0 or more')


def _tell(playback: Playback, report: PlayReport) -> None:
    print(f'sent {sum(report.sent.values())} messages in {report.laps} lap(s), the latest '
          f'{1000 * report.latest:.0f} ms late')
    if report.held_up:
        print(f'note: playing was held up for {report.held_up:.1f} s in all; this machine cannot '
              'send at that rate', file=sys.stderr)
    if report.sent and not report.heard:
        print(f'note: nobody read when playing began; {_advice(playback)}', file=sys.stderr)
    for note in playback.notes:
        print(f'note: {note}', file=sys.stderr)
    if report.unplayable:
        print(f'{len(report.unplayable)} message(s) could not be sent:', file=sys.stderr)
        for reason in report.unplayable[:_SHOWN]:
            print(f'  {reason}', file=sys.stderr)


def _advice(playback: Playback) -> str:
    """Say how the node is told to read what is played."""
    ways = []
    for topic, type_ in sorted(playback.topics.items()):
        if type_ == COMPRESSED_TYPE and topic.endswith('/compressed'):
            ways.append(f'image_topic:={topic.removesuffix("/compressed")} '
                        'image_transport:=compressed')
        elif type_ == COMPRESSED_TYPE:
            ways.append(f'--ros-args -r {topic}:={topic}/compressed here, and there '
                        f'image_topic:={topic} image_transport:=compressed')
        elif type_.endswith('/Image'):
            ways.append(f'image_topic:={topic}')
    return f'the node reads it with {", or ".join(ways)}'
