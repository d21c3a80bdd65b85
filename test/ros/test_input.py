# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What cameras send: every transport, and every way to be wrong."""

from __future__ import annotations

import threading
import time

from builtin_interfaces.msg import Time as TimeMsg
import cv2
import numpy as np
import pytest
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image


def closed_set(rgb: np.ndarray) -> np.ndarray:
    """Return the label that the tiny model gives to a picture, at its own size."""
    small = cv2.resize(rgb, (64, 32), interpolation=cv2.INTER_AREA)
    return np.argmax(small, axis=2)


def same_label(robot, message, rgb) -> None:
    label = robot.pixels(message)
    small = cv2.resize(label, (64, 32), interpolation=cv2.INTER_NEAREST_EXACT)
    assert np.mean(small == closed_set(rgb)) > 0.9


def test_raw_images_with_and_without_padded_rows(make_robot, picture):
    robot = make_robot().start('label')
    channels = {'rgb8': picture, 'bgr8': picture[..., ::-1],
                'rgba8': np.dstack([picture, np.full(picture.shape[:2], 9, np.uint8)])}
    for encoding, padding in (('rgb8', 0), ('rgb8', 32), ('bgr8', 0), ('bgr8', 7), ('rgba8', 0)):
        robot.received['label'].clear()
        robot.send(robot.image(np.ascontiguousarray(channels[encoding]), encoding, padding))
        label, = robot.received['label']
        same_label(robot, label, picture)
        assert (label.width, label.step) == (96, 96)


def test_compressed_images(make_robot, picture):
    robot = make_robot(image_transport='compressed').start('label')
    for suffix, declared in (('.jpg', 'jpeg'), ('.png', 'png'),
                             ('.jpg', 'rgb8; jpeg compressed bgr8')):
        robot.received['label'].clear()
        _, encoded = cv2.imencode(suffix, picture[..., ::-1])
        sent = robot.send(CompressedImage(format=declared, data=encoded.tobytes()))
        message, = robot.received['label']
        assert message.header == sent.header
        same_label(robot, message, picture)


def test_a_reliable_camera_is_heard_as_well(make_robot, picture):
    robot = make_robot().start('label')
    robot.camera = robot.probe.create_publisher(Image, 'image', QoSProfile(depth=1))
    robot.spin_until(lambda: robot.camera.get_subscription_count() == 1
                     and robot.node._inputs[0].get_publisher_count() == 2)
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 1


def malformed(picture) -> dict[str, Image]:
    flat = picture.tobytes()
    images = {
        'unknown encoding': Image(height=48, width=96, encoding='xyz17', step=288),
        'no encoding': Image(height=48, width=96, encoding='', step=288),
        'a float image': Image(height=48, width=96, encoding='32FC1', step=384),
        'zero height': Image(height=0, width=96, encoding='rgb8', step=288),
        'zero width': Image(height=48, width=0, encoding='rgb8', step=0),
        'short buffer': Image(height=480, width=96, encoding='rgb8', step=288),
        'step below a row': Image(height=48, width=96, encoding='rgb8', step=96),
        'step of zero': Image(height=48, width=96, encoding='rgb8', step=0),
        'sizes beyond memory': Image(
            height=2**32 - 1, width=2**32 - 1, encoding='rgb8', step=2**32 - 1),
    }
    for message in images.values():
        message.data.frombytes(flat)
    images['no data'] = Image(height=48, width=96, encoding='rgb8', step=288)
    return images


def test_malformed_images_are_dropped_counted_and_named(make_robot, picture, monkeypatch):
    monkeypatch.setattr('hybrid_perception.ros.worker.QUIET', 0.0)
    robot = make_robot().start('label')
    for count, (what, message) in enumerate(malformed(picture).items(), start=1):
        robot.send(message)
        assert (robot.counts.bad, robot.received['label']) == (count, []), what
        facts = ('dropped a frame of /image', repr(message.encoding),
                 f'{message.width}x{message.height}', f'step {message.step}',
                 f'{len(message.data)} bytes')
        robot.spin_until(lambda facts=facts: any(
            all(fact in line for fact in facts) for line in robot.log))
    robot.send(robot.image(picture))
    assert len(robot.received['label']) == 1


def test_malformed_compressed_images_are_dropped_counted_and_named(
        make_robot, picture, monkeypatch):
    monkeypatch.setattr('hybrid_perception.ros.worker.QUIET', 0.0)
    robot = make_robot(image_transport='compressed').start('label')
    jpeg = cv2.imencode('.jpg', picture)[1].tobytes()
    corpus = [(b'', 'jpeg'), (b'no picture' * 50, 'jpeg'), (jpeg[:len(jpeg) // 2], 'jpeg'),
              (b'x' * 100, '16UC1; compressedDepth png'),
              (b'\x89PNG\r\n\x1a\nIEND\xaeB`\x82', 'png')]
    for count, (data, declared) in enumerate(corpus, start=1):
        robot.send(CompressedImage(format=declared, data=data))
        assert (robot.counts.bad, robot.received['label']) == (count, [])
        facts = ('/image/compressed', repr(declared), f'{len(data)} bytes')
        robot.spin_until(lambda facts=facts: any(
            all(fact in line for fact in facts) for line in robot.log))
    robot.send(CompressedImage(format='jpeg', data=jpeg))
    assert len(robot.received['label']) == 1


def test_the_error_of_bad_frames_is_throttled_and_diagnostics_warn(make_robot, picture):
    robot = make_robot().start('label')
    for _ in range(5):
        robot.send(malformed(picture)['unknown encoding'])
    assert robot.counts.bad == 5
    assert len([line for line in robot.log if 'dropped a frame' in line]) == 1
    reports = robot.received['diagnostics']
    robot.spin_until(lambda: any('bad frame' in report.status[0].message for report in reports))


def test_a_change_of_resolution_is_followed_and_logged_once(make_robot, picture):
    robot = make_robot().start('label')
    robot.send(robot.image(picture))
    larger = np.kron(picture, np.ones((2, 2, 1), np.uint8))
    robot.send(robot.image(larger))
    robot.send(robot.image(larger))
    assert [message.width for message in robot.received['label']] == [96, 192, 192]
    robot.spin(0.2)
    changes = [line for line in robot.log if 'changed from 96x48 to 192x96' in line]
    assert len(changes) == 1


def test_a_region_outside_the_image_is_a_bad_frame_that_says_so(make_robot, picture):
    robot = make_robot(roi__x_offset=200).start('label')
    robot.send(robot.image(picture))
    robot.spin_until(lambda: any('region of interest' in line for line in robot.log))
    assert (robot.counts.bad, robot.node.failed) == (1, False)


def test_outside_the_region_nothing_is_said(make_robot, picture):
    robot = make_robot(roi__x_offset=32, roi__width=64).start('label', 'anomaly_score',
                                                              'open_set_mask')
    robot.send(robot.image(picture))
    label, score, mask = (robot.pixels(robot.received[topic][0])
                          for topic in ('label', 'anomaly_score', 'open_set_mask'))
    assert np.all(label[:, :32] == 255)
    assert np.all(np.isnan(score[:, :32]))
    assert not mask[:, :32].any()
    assert np.all(label[:, 32:] < 3)


def slow_down(robot, monkeypatch, seconds: float) -> None:
    segmenter = robot.node._model.segmenter
    segment = segmenter.segment
    monkeypatch.setattr(
        segmenter, 'segment', lambda rgb: (time.sleep(seconds), segment(rgb))[1])


def test_overload_drops_and_counts_old_frames_and_uses_the_newest(
        make_robot, picture, monkeypatch):
    robot = make_robot().start('label')
    slow_down(robot, monkeypatch, 0.15)
    last = None
    for _ in range(30):
        last = robot.stamped(robot.image(picture))
        robot.camera.publish(last)
        robot.spin(0.05)
    robot.spin_until(lambda: any(
        message.header == last.header for message in robot.received['label']))
    counts = robot.counts
    assert counts.received >= 15
    assert counts.overload >= 5
    assert counts.processed + counts.overload == counts.received
    assert len(robot.received['label']) == counts.processed
    # No queue grows: a frame waits for at most the one in flight.
    assert robot.node._statistics.median_latency < 0.6
    values = {value.key: value.value for value in robot.status('input').values}
    assert values['frames dropped, overload'] == str(robot.counts.overload)


def test_frames_older_than_max_latency_are_dropped_and_counted(make_robot, picture):
    robot = make_robot(max_latency=0.5).start('label')
    old = robot.image(picture)
    old.header.stamp = robot.probe.get_clock().now().to_msg()
    old.header.stamp.sec -= 2
    robot.send(old)
    assert (robot.counts.late, robot.counts.processed) == (1, 0)
    robot.send(robot.image(picture))
    assert (robot.counts.late, robot.counts.processed) == (1, 1)


def test_a_driver_that_sets_no_stamp_is_not_blamed_for_latency(make_robot, picture):
    robot = make_robot(max_latency=0.5).start('label')
    robot.camera.publish(robot.image(picture))
    robot.spin_until(lambda: robot.counts.processed == 1)
    assert robot.node._statistics.median_latency is None


def test_simulated_time_that_jumps_back_resets_the_statistics(make_robot, picture):
    robot = make_robot(use_sim_time=True).start('label')
    clock = robot.probe.create_publisher(Clock, '/clock', 10)

    def set_time(second: int) -> None:
        robot.spin_until(lambda: clock.get_subscription_count() > 0)
        clock.publish(Clock(clock=TimeMsg(sec=second)))
        robot.spin_until(lambda: robot.node.get_clock().now().nanoseconds == second * 10**9)

    set_time(100)
    frame = robot.image(picture)
    frame.header.stamp.sec = 99
    robot.send(frame)
    assert robot.node._statistics.median_latency == pytest.approx(1.0)
    set_time(50)
    assert robot.node._statistics.median_latency is None
    assert any('time jumped back' in line for line in robot.log)


def test_a_bag_that_starts_anew_resets_the_statistics(make_robot, picture):
    robot = make_robot().start('label')
    for _ in range(3):
        robot.send(robot.image(picture))
    assert robot.node._statistics._processing.count == 3
    again = robot.image(picture)
    again.header.stamp.sec = 1000
    robot.send(again)
    assert robot.node._statistics._processing.count == 1
    assert robot.counts.processed == 4
    robot.spin(0.2)
    assert len([line for line in robot.log if 'jumped back' in line]) == 1


def test_a_bag_that_starts_anew_before_the_clock_does_is_not_late(make_robot, picture):
    robot = make_robot(use_sim_time=True, max_latency=0.5).start('label')
    clock = robot.probe.create_publisher(Clock, '/clock', 10)
    robot.spin_until(lambda: clock.get_subscription_count() > 0)

    def show(second: int) -> None:
        clock.publish(Clock(clock=TimeMsg(sec=second)))
        robot.spin_until(lambda: robot.node.get_clock().now().nanoseconds == second * 10**9)

    def frame(second: int) -> Image:
        message = robot.image(picture)
        message.header.stamp.sec = second
        return message

    show(100)
    robot.send(frame(100))
    robot.send(frame(50))   # the clock still says 100
    show(50)
    robot.send(frame(50))
    assert (robot.counts.processed, robot.counts.late) == (3, 0)
    assert robot.node._statistics.median_latency == 0.0
    robot.send(frame(49))   # from here on lateness counts again
    assert (robot.counts.processed, robot.counts.late) == (3, 1)


def test_a_frame_during_which_time_jumps_back_leaves_no_latency(make_robot, picture, monkeypatch):
    robot = make_robot(use_sim_time=True).start('label')
    clock = robot.probe.create_publisher(Clock, '/clock', 10)
    robot.spin_until(lambda: clock.get_subscription_count() > 0)
    clock.publish(Clock(clock=TimeMsg(sec=100)))
    robot.spin_until(lambda: robot.node.get_clock().now().nanoseconds == 10**11)
    segmenter, begun, go_on = robot.node._model.segmenter, threading.Event(), threading.Event()
    segment = segmenter.segment

    def slow(rgb: np.ndarray) -> object:
        begun.set()
        assert go_on.wait(20)
        return segment(rgb)

    monkeypatch.setattr(segmenter, 'segment', slow)
    message = robot.image(picture)
    message.header.stamp.sec = 99
    robot.camera.publish(message)
    robot.spin_until(begun.is_set)
    clock.publish(Clock(clock=TimeMsg(sec=10)))
    robot.spin_until(lambda: robot.node.get_clock().now().nanoseconds == 10**10)
    go_on.set()
    robot.spin_until(lambda: robot.counts.processed == 1)
    assert robot.node._statistics.median_latency is None


def accounted(robot) -> bool:
    """Say whether every frame is in exactly one count."""
    counts = robot.counts
    return counts.received == (
        counts.processed + counts.unread + counts.overload + counts.lost + counts.late
        + counts.bad + counts.forgotten)


def test_every_frame_is_accounted_for_when_the_node_is_switched_off_and_on(
        make_robot, picture, monkeypatch):
    robot = make_robot().start('label')
    slow_down(robot, monkeypatch, 0.05)   # so that a frame waits whenever it is switched off
    for _ in range(4):
        for _ in range(8):
            robot.camera.publish(robot.stamped(robot.image(picture)))
            robot.spin(0.01)
        robot.node.trigger_deactivate()
        assert accounted(robot), robot.counts
        assert robot.counts.under_way == 0
        robot.node.trigger_activate()
        robot.spin_until(lambda: robot.node._inputs[0].get_publisher_count() > 0)
    assert robot.counts.forgotten > 0
    robot.spin_until(lambda: robot.counts.processed == len(robot.received['label']))
    values = {value.key: value.value for value in robot.status('input').values}
    assert values['frames forgotten'] == str(robot.counts.forgotten)


def test_a_frame_whose_engine_failed_or_hangs_is_forgotten_and_published_never(
        make_robot, picture, monkeypatch):
    monkeypatch.setattr('hybrid_perception.ros.segmentation_node.FINISH_TIMEOUT', 0.2)
    robot = make_robot().start('label')
    segmenter, begun, go_on = robot.node._model.segmenter, threading.Event(), threading.Event()
    segment = segmenter.segment
    monkeypatch.setattr(segmenter, 'segment', lambda rgb: (
        begun.set(), go_on.wait(20), segment(rgb))[2])
    robot.camera.publish(robot.stamped(robot.image(picture)))
    robot.spin_until(begun.is_set)
    thread = robot.node._worker._thread
    robot.node.trigger_deactivate()
    assert (robot.counts.forgotten, robot.counts.under_way) == (1, 0)
    go_on.set()
    thread.join(10)
    robot.spin(0.1)
    assert (robot.counts.forgotten, robot.counts.processed) == (1, 0)
    assert not robot.received['label']


def test_a_frame_that_grows_old_in_the_engine_is_not_published(make_robot, picture, monkeypatch):
    robot = make_robot(max_latency=0.3).start('label')
    slow_down(robot, monkeypatch, 0.5)
    robot.send(robot.image(picture))
    assert (robot.counts.late, robot.counts.processed) == (1, 0)
    assert not robot.received['label']


def test_a_clock_that_is_ahead_does_not_switch_max_latency_off(make_robot, picture, monkeypatch):
    robot = make_robot(max_latency=0.3).start('label')
    slow_down(robot, monkeypatch, 0.5)
    ahead = robot.image(picture)
    ahead.header.stamp = robot.probe.get_clock().now().to_msg()
    ahead.header.stamp.sec += 100
    robot.send(ahead)
    assert (robot.counts.late, robot.counts.processed) == (1, 0)


def test_two_clocks_on_one_topic_publish_nothing_old_and_lose_no_frame(make_robot, picture):
    robot = make_robot(max_latency=1.0).start('label')
    for place in range(12):
        message = robot.image(picture)
        message.header.stamp = robot.probe.get_clock().now().to_msg()
        message.header.stamp.sec -= 10 * (place % 2)
        robot.send(message)
    assert accounted(robot)
    assert (robot.counts.processed, robot.counts.late) == (6, 6)
    assert len([line for line in robot.log if 'jumped back' in line]) <= 1


def test_stamps_of_zero_among_others_change_nothing(make_robot, picture):
    robot = make_robot(max_latency=1.0).start('label')
    for place in range(8):
        message = robot.image(picture)
        if place % 4 == 3:
            before = robot.counts.processed
            robot.camera.publish(message)
            robot.spin_until(lambda before=before: robot.counts.processed > before)
        else:
            robot.send(message)
    assert (robot.counts.processed, robot.counts.received) == (8, 8)
    assert not [line for line in robot.log if 'jumped back' in line]
    assert robot.node._statistics._latency.count == 6


def test_simulated_time_that_never_comes_gives_no_latency(make_robot, picture):
    robot = make_robot(use_sim_time=True, max_latency=0.5).start('label')
    robot.send(robot.image(picture))
    assert robot.counts.processed == 1
    assert robot.node._statistics.median_latency is None
