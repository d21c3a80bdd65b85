# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node's report on /diagnostics: what it runs, how fast, and why there is no image.

Source: REP 107 (levels, names, hardware id).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybrid_perception.labels import ClassMap
from hybrid_perception.legend import render_legend
from hybrid_perception.ros.drift import DriftReport
from hybrid_perception.ros.graph import (
    COMPRESSED,
    IMAGE,
    PLAYERS,
    SUFFIX,
    Graph,
    listed,
    printable,
)
from hybrid_perception.ros.messages import msg_from_array
from hybrid_perception.ros.outputs import CAMERA_INFO
from hybrid_perception.ros.parameters import NodeParameters
from hybrid_perception.ros.statistics import Counts, Work
from hybrid_perception.ros.transport import chosen_transport, output_qos, overridable
from hybrid_perception.scene import Style

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
WORDS = {OK: 'OK', WARN: 'WARN', ERROR: 'ERROR'}
LEGEND = 'legend'

CLOCK_SKEW = 10.0
"""Latency in seconds from which on the stamps cannot be those of the node's clock."""

AHEAD = 0.1
"""Seconds by which stamps may lie ahead of the clock; nothing is seen before it happens."""

QUIET = 30.0
"""Seconds for which a warning is not logged again; /diagnostics goes on."""

LOST_IMAGES = (
    'large best-effort images are lost under the default settings of Fast DDS: start camera and '
    'node with FASTDDS_DEFAULT_PROFILES_FILE=<share/hybrid_perception>/config/fastdds_shm.xml '
    '(see docs/transport.md)')


@dataclass(frozen=True)
class Health:
    """What the report is made of, and for the legend the classes and the style of the pictures."""

    state: str
    step: str
    fault: str
    topic: str
    compressed: bool
    graph: Graph
    heard: bool
    silence: float
    parameters: NodeParameters
    counts: Counts
    rates: Mapping[str, str]
    median_latency: float | None
    late_for: float | None
    busy: tuple[Work, float] | None
    watched: tuple[str, ...]
    engine: Mapping[str, str]
    drift: DriftReport
    clock_missing: bool = False
    mixed_clocks: bool = False
    camera_info_topic: str = ''
    calibrated: bool = True
    restarts: int = 0
    marked: int = 0
    new_faults: int = 0
    oddities: tuple[str, ...] = ()
    last_publishers: tuple[str, ...] = ()
    class_map: ClassMap | None = None
    style: Style | None = None


def judge_input(health: Health, new_bad_frames: int) -> tuple[bytes, str]:
    """Return level and message about the images that come in: all that is wrong, worst first."""
    found = [(WARN, words) for words in _namesakes(health.graph)]
    found += [(WARN, words) for words in health.oddities]
    if health.state != 'active':
        return _worst(found, f'not subscribed while {health.state}')
    silent = health.silence > health.parameters.watchdog_timeout
    if new_bad_frames:
        found.insert(0, (WARN, f'{new_bad_frames} bad frame(s) on {health.topic}; the log says '
                               'what is wrong'))
    if silent:
        found.insert(0, (WARN, why_silent(health)))
    elif (late := judge_lateness(health)) is not None:
        found.insert(0, late)
    found += [(WARN, words) for words in _clock_faults(health, silent=silent)]
    if health.graph.rivals:
        found.append((WARN, f'{listed(health.graph.rivals)} segments {health.topic} as well'))
    if (CAMERA_INFO in health.watched and not health.calibrated
            and health.heard and not silent):
        found.append((WARN, f'no calibration came on {health.camera_info_topic}, so '
                            '~/camera_info is silent; remap camera_info'))
    fine = 'receiving' if health.heard else 'waiting for'
    return _worst(found, f'{fine} {health.topic}')


def judge_lateness(health: Health) -> tuple[bytes, str] | None:
    """Return level and message where every frame comes too late; None where not."""
    if not health.late_for:
        return None
    level = ERROR if health.late_for > health.parameters.watchdog_timeout else WARN
    return level, (
        f'nothing is published: for {health.late_for:.1f} s every frame of {health.topic} was '
        f'older than max_latency ({health.parameters.max_latency:g} s): compare the clocks of '
        'camera and node, or raise max_latency if the engine is slower than that')


def why_silent(health: Health) -> str:
    """Say since when no image comes, and the likely cause."""
    graph, topic = health.graph, health.topic
    since = f'no image for {health.silence:.1f} s' if health.heard else 'no image yet'
    if graph.wrong_type:
        name, kind = graph.wrong_type[0]
        return (f'{since}: {topic} has type {printable(kind)} (from {printable(name)}); '
                + _right_transport(health, kind))
    if graph.incompatible and len(graph.incompatible) == len(graph.publishers):
        name, reason = graph.incompatible[0]
        return (f'{since} on {topic}: the QoS of {printable(name)} does not fit that of this '
                f'node ({printable(reason)}); set qos_overrides.{topic}.subscription')
    if not graph.publishers:
        if health.heard:
            gone = listed(health.last_publishers)
            if any(player in gone for player in PLAYERS):
                return f'{since}: the recording has ended, {gone} is gone from {topic}'
            return f'{since}: {gone or "the publisher"} is gone from {topic}'
        advice = f'{since}: nobody publishes {topic}; remap image or image_topic'
        if graph.other_transport:
            other = 'raw' if health.compressed else 'compressed'
            return f'{advice}, or set image_transport: {other} for {graph.other_transport}'
        return advice + (f'; there are {listed(graph.elsewhere)}' if graph.elsewhere else '')
    return (f'{since} on {topic}, which has {len(graph.publishers)} publisher(s) '
            f'({listed(graph.publishers)}); if they publish, {lost_images()}')


def lost_images() -> str:
    """Say why images that are sent may not come, and what helps."""
    chosen = chosen_transport()
    where = f'this node runs with {chosen}' if chosen else 'this node runs without it'
    return f'{LOST_IMAGES}; {where}'


def _right_transport(health: Health, kind: str) -> str:
    topic = health.topic
    if kind == COMPRESSED and not health.compressed:
        name = topic.removesuffix(SUFFIX)
        drop = f' and drop {SUFFIX}: image:={name}' if name != topic else (
            f', whose topic must end with {SUFFIX}')
        return f'set image_transport: compressed{drop}'
    if kind == IMAGE and health.compressed:
        return 'set image_transport: raw'
    return 'this node reads sensor_msgs/Image and sensor_msgs/CompressedImage'


def _clock_faults(health: Health, *, silent: bool) -> list[str]:
    """Say what is wrong with clocks and stamps."""
    graph, topic, found = health.graph, health.topic, []
    if graph.crowd:
        found.append(f'{len(graph.crowd)} publishers on {topic} ({listed(graph.crowd)})'
                     + (', stamps interleave' if health.mixed_clocks else ''))
    elif health.mixed_clocks:
        found.append(f'stamps of {topic} ({listed(graph.publishers)}) go back and forth, as of '
                     'two clocks')
    latency = health.median_latency
    if health.clock_missing:
        published = 'is silent' if graph.clocks else 'has no publisher'
        found.append(f'use_sim_time is set and /clock {published}: no latency is known; play the '
                     'bag with --clock, or unset use_sim_time')
    elif latency is not None and abs(latency) > CLOCK_SKEW and not silent:
        found.append(
            f'stamps of {topic} are {latency:.0f} s off the clock of the node: '
            'set use_sim_time with a bag played with --clock, or synchronise the clocks')
    elif latency is not None and latency < -AHEAD and not silent:
        found.append(f'stamps of {topic} lie {-latency:.2f} s ahead of the clock of the node: '
                     'latencies and max_latency are off by that; synchronise the clocks')
    return found


def _namesakes(graph: Graph) -> list[str]:
    if not graph.namesakes:
        return []
    return [f'{graph.namesakes + 1} nodes have the name of this one, and both answer: give each '
            'its own (namespace:= or name:=)']


def _worst(found: list[tuple[bytes, str]], fine: str) -> tuple[bytes, str]:
    """Join what was found, the worst first; the message is `fine` where nothing was."""
    if not found:
        return OK, fine
    found = sorted(found, key=lambda finding: finding[0], reverse=True)
    return found[0][0], '; '.join(words for _, words in found)


def judge_inference(health: Health) -> tuple[bytes, str]:
    """Return level and message about what the node makes of the images."""
    if health.fault:
        return ERROR, health.fault
    if health.state == 'configuring' and health.step:
        return OK, f'configuring: {health.step}'
    if health.state != 'active':
        return OK, health.state
    if health.busy is not None and health.busy[1] > health.parameters.watchdog_timeout:
        work, seconds = health.busy
        level = ERROR if seconds > health.parameters.engine_timeout else WARN
        return level, (f'{work.value} for {seconds:.1f} s: it hangs, or is too slow for this '
                       'machine')
    if health.new_faults:
        return WARN, (f'{health.new_faults} frame(s) for which the answer of the engine cannot be '
                      'right; the log says how')
    if not health.watched:
        return OK, 'idle: nobody reads an output, so nothing is computed'
    if not health.heard or health.silence > health.parameters.watchdog_timeout:
        return OK, 'waiting for images'
    late = judge_lateness(health)
    return (OK, 'segmenting') if late is None else (late[0], 'every frame comes too late')


def judge_drift(health: Health) -> tuple[bytes, str]:
    """Return level and message about whether the camera looks as it did when calibrated."""
    report, state = health.drift, health.drift.state
    if health.state != 'active':
        return OK, f'not watched while {health.state}'
    if report.unwatched:
        return OK, report.unwatched
    if state.distance is None:
        return OK, (f'comparing with calibration {report.calibration}: {state.frames} of '
                    f'{report.window} frames')
    if not state.drifted:
        return OK, f'looks like the drive of calibration {report.calibration}'
    return WARN, (
        f'the camera no longer looks like the drive of calibration {report.calibration} (distance '
        f'{state.distance:.3f}, limit {state.limit:.3f}): look at lens, exposure, mounting and '
        'place; if they are right, calibrate anew, for the threshold no longer holds its rate')


def drift_values(report: DriftReport) -> dict[str, str]:
    """Return the numbers behind the judgement on drift."""
    if report.unwatched:
        return {}
    state = report.state
    return {
        'calibration': report.calibration,
        'distance of the last window': (
            'none yet' if state.distance is None else f'{state.distance:.4f}'),
        'limit': f'{state.limit:.4f}',
        'windows compared': str(state.windows),
        'windows beyond the limit, in a row': str(state.strikes),
        'frames of a window': str(report.window),
        'inlier-looking pixels of the last window (%)': f'{100 * state.inlier_share:.1f}',
    }


def _calibration(health: Health) -> str:
    return f'{"came" if health.calibrated else "none came"} on {health.camera_info_topic}'


class Diagnostics:
    """Publisher of the report, and of a picture of it for viewers that draw images only."""

    def __init__(self, node: Node) -> None:
        """Advertise /diagnostics and ~/legend."""
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Not a lifecycle publisher: it says why there is no other picture.
        self._legend = node.create_publisher(
            Image, f'~/{LEGEND}', output_qos(), qos_overriding_options=overridable())
        self._bad_frames = self._faults = 0
        self._last_publishers: tuple[str, ...] = ()

    def publish(self, health: Health) -> None:
        """Publish the report; bad frames are a warning in the period in which they came."""
        new_bad_frames = health.counts.bad - self._bad_frames
        self._last_publishers = health.graph.publishers or self._last_publishers
        faults = health.marked + health.counts.faulty
        health = replace(
            health, last_publishers=self._last_publishers, new_faults=faults - self._faults)
        self._faults = faults
        verdict, drift = judge_input(health, new_bad_frames), judge_drift(health)
        inference = judge_inference(health)
        # The log has bad frames, and what is odd, already.
        level, words = judge_input(replace(health, oddities=()), 0)
        if level != OK:
            self._node.get_logger().warning(words, throttle_duration_sec=QUIET)
        if inference[0] != OK and not health.fault:   # a fault is logged where it happens
            self._node.get_logger().warning(inference[1], throttle_duration_sec=QUIET)
        if drift[0] == WARN:
            self._node.get_logger().warning(drift[1], throttle_duration_sec=QUIET)
        self._bad_frames = health.counts.bad
        counts = health.counts
        report = DiagnosticArray()
        report.header.stamp = self._node.get_clock().now().to_msg()
        report.status = [
            self._status('input', verdict, {
                'topic': health.topic,
                'publishers': str(len(health.graph.publishers)),
                'publishing nodes': listed(health.graph.publishers) or 'none',
                'camera_info': _calibration(health),
                'frames received': str(counts.received),
                'frames dropped, bad': str(counts.bad),
                'frames dropped, bad answer of the engine': str(counts.faulty),
                'frames dropped, overload': str(counts.overload),
                'frames dropped, older than max_latency': str(counts.late),
                'frames dropped, lost on the way': str(counts.lost),
                'frames forgotten': str(counts.forgotten),
                'frames under way': str(counts.under_way),
            }),
            self._status('inference', inference, {
                'state': health.state,
                **health.engine,
                'engine restarts': str(health.restarts),
                'frames processed': str(counts.processed),
                'frames marked, bad answer of the engine': str(health.marked),
                'frames not computed, nobody reads': str(counts.unread),
                'outputs read': ', '.join(health.watched) or 'none',
                **health.rates,
            }),
            self._status('drift', drift, drift_values(health.drift)),
        ]
        self._publisher.publish(report)
        if self._legend.get_subscription_count() > 0:
            lines = [f'{WORDS[status.level]}  {status.name}: {status.message}'
                     for status in report.status]
            self._legend.publish(msg_from_array(
                render_legend(lines, health.class_map, health.style),
                Header(stamp=report.header.stamp), 'rgb8'))

    def _status(
        self, task: str, verdict: tuple[bytes, str], values: Mapping[str, str]
    ) -> DiagnosticStatus:
        level, message = verdict
        name = self._node.get_fully_qualified_name().lstrip('/')
        return DiagnosticStatus(
            level=level, name=f'{name}: {task}', message=message, hardware_id=name,
            values=[KeyValue(key=key, value=value) for key, value in values.items()])
