# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node's report on /diagnostics: what it runs, how fast, and why there is no image.

Source: REP 107 (levels, names, hardware id).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybrid_perception.labels import ClassMap
from hybrid_perception.legend import render_legend
from hybrid_perception.ros.drift import DriftReport
from hybrid_perception.ros.messages import msg_from_array
from hybrid_perception.ros.qos import output_qos, overridable
from hybrid_perception.ros.statistics import Counts
from hybrid_perception.scene import Style

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
WORDS = {OK: 'OK', WARN: 'WARN', ERROR: 'ERROR'}
LEGEND = 'legend'

CLOCK_SKEW = 10.0
"""Latency in seconds from which on the stamps cannot be those of the node's clock."""

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
    publishers: int
    heard: bool
    silence: float
    watchdog_timeout: float
    counts: Counts
    rates: Mapping[str, str]
    median_latency: float | None
    engine_busy: float
    watched: tuple[str, ...]
    engine: Mapping[str, str]
    drift: DriftReport
    class_map: ClassMap | None = None
    style: Style | None = None


def judge_input(health: Health, new_bad_frames: int) -> tuple[bytes, str]:
    """Return level and message about the images that come in."""
    if health.state != 'active':
        return OK, f'not subscribed while {health.state}'
    if health.silence > health.watchdog_timeout:
        since = f'no image for {health.silence:.1f} s' if health.heard else 'no image yet'
        if health.publishers == 0:
            return WARN, f'{since}: nobody publishes {health.topic}; remap image or image_topic'
        return WARN, (f'{since} on {health.topic}, which has {health.publishers} publisher(s); '
                      f'if they publish, {LOST_IMAGES}')
    if new_bad_frames:
        return WARN, f'{new_bad_frames} bad frame(s) on {health.topic}; the log says what is wrong'
    if not health.heard:
        return OK, f'waiting for {health.topic}'
    latency = health.median_latency
    if latency is not None and abs(latency) > CLOCK_SKEW:
        return WARN, (f'stamps of {health.topic} are {latency:.0f} s off the clock of the node: '
                      'set use_sim_time with a bag played with --clock, or synchronise the clocks')
    return OK, f'receiving {health.topic}'


def judge_inference(health: Health) -> tuple[bytes, str]:
    """Return level and message about what the node makes of the images."""
    if health.fault:
        return ERROR, health.fault
    if health.state == 'configuring' and health.step:
        return OK, f'configuring: {health.step}'
    if health.state != 'active':
        return OK, health.state
    if health.engine_busy > health.watchdog_timeout:
        return WARN, (f'the engine has been at work on one frame for {health.engine_busy:.1f} s: '
                      'it hangs, or is too slow for this machine')
    if not health.watched:
        return OK, 'idle: nobody reads an output, so nothing is computed'
    return OK, 'segmenting'


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


class Diagnostics:
    """Publisher of the report, and of a picture of it for viewers that draw images only."""

    def __init__(self, node: Node) -> None:
        """Advertise /diagnostics and ~/legend."""
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Not a lifecycle publisher: it says why there is no other picture.
        self._legend = node.create_publisher(
            Image, f'~/{LEGEND}', output_qos(), qos_overriding_options=overridable())
        self._bad_frames = 0

    def publish(self, health: Health) -> None:
        """Publish the report; bad frames are a warning in the period in which they came."""
        new_bad_frames = health.counts.bad - self._bad_frames
        verdict, drift = judge_input(health, new_bad_frames), judge_drift(health)
        inference = judge_inference(health)
        if verdict[0] == WARN and not new_bad_frames:
            self._node.get_logger().warning(verdict[1], throttle_duration_sec=QUIET)
        if inference[0] == WARN:
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
                'publishers': str(health.publishers),
                'frames received': str(counts.received),
                'frames dropped, bad': str(counts.bad),
                'frames dropped, overload': str(counts.overload),
                'frames dropped, older than max_latency': str(counts.late),
                'frames dropped, lost on the way': str(counts.lost),
                'frames forgotten': str(counts.forgotten),
                'frames under way': str(counts.under_way),
            }),
            self._status('inference', inference, {
                'state': health.state,
                **health.engine,
                'frames processed': str(counts.processed),
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
