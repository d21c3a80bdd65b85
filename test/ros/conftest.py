# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A node and a robot around it, in one process, over real DDS in a domain of their own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
import gc
import os
from pathlib import Path
import random
import time
from typing import Any

# Before the first participant exists: apart from other tests, and with room for images.
os.environ['ROS_DOMAIN_ID'] = str(random.SystemRandom().randint(1, 100))
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ['FASTDDS_DEFAULT_PROFILES_FILE'] = str(
    Path(__file__).resolve().parents[2] / 'config' / 'fastdds_shm.xml')

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import pytest
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Float64

from hybrid_perception.ros.outputs import DEBUG, STAGES
from hybrid_perception.ros.segmentation_node import SegmentationNode

TOPIC_TYPES = defaultdict(lambda: Image, {
    'camera_info': CameraInfo, **dict.fromkeys((*DEBUG, *STAGES), Float64)})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ros)


class Robot:
    """The node under test, a camera, and readers of what the node says."""

    def __init__(self, parameters: dict[str, Any], read_stderr: Callable[[], str]) -> None:
        self.context = Context()
        self.context.init()
        self.node = SegmentationNode(context=self.context, parameter_overrides=[
            Parameter(name, value=value) for name, value in parameters.items()])
        self.probe = Node('probe', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.executor.add_node(self.probe)
        self.received: dict[str, list[Any]] = defaultdict(list)
        self._read_stderr, self._stderr = read_stderr, ''
        self._followed: Any = None
        self._finished = 0
        self._published: Counter[str] = Counter()
        self._arrived: Counter[str] = Counter()
        self._readers: list[str] = []
        self.camera = self.probe.create_publisher(Image, 'image', qos_profile_sensor_data)
        self.jpeg_camera = self.probe.create_publisher(
            CompressedImage, 'image/compressed', qos_profile_sensor_data)
        self.calibration = self.probe.create_publisher(
            CameraInfo, 'camera_info', qos_profile_sensor_data)
        self.probe.create_subscription(
            DiagnosticArray, '/diagnostics', self.received['diagnostics'].append, 10)

    @property
    def log(self) -> list[str]:
        """Return what was logged so far."""
        self._stderr += self._read_stderr()
        return self._stderr.splitlines()

    def start(self, *topics: str) -> Robot:
        """Configure, activate and read the topics; wait until all are connected."""
        assert self.node.trigger_configure().name == 'SUCCESS', self.node.fault
        assert self.node.trigger_activate().name == 'SUCCESS', self.node.fault
        for topic in topics:
            self.read(topic)
        cameras = (self.camera, self.jpeg_camera)
        self.spin_until(lambda: any(camera.get_subscription_count() for camera in cameras))
        # Each end of a connection learns of the other by itself.
        self.spin_until(lambda: all(heard.get_publisher_count() for heard in self.node._inputs))
        return self

    def read(self, topic: str) -> Any:
        """Subscribe to an output and wait until both ends are connected."""
        reader = self.probe.create_subscription(
            TOPIC_TYPES[topic], f'/perception/{topic}', partial(self._note, topic), 10)
        self._readers.append(topic)
        self.spin_until(lambda: topic in self.node._outputs.watched()
                        and reader.get_publisher_count() > 0)
        return reader

    def spin(self, seconds: float) -> None:
        """Let everything happen for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.01)

    def spin_until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """Let everything happen until the condition holds; fail if it does not."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f'waited {timeout} s in vain; log: {self.log[-5:]}'
            self.executor.spin_once(timeout_sec=0.01)

    def stamped(self, message: Any, frame_id: str = 'camera_optical_frame') -> Any:
        """Put the time of now into the header, unless it has one."""
        message.header.frame_id = frame_id
        if not message.header.stamp.sec:
            message.header.stamp = self.probe.get_clock().now().to_msg()
        return message

    def send(self, message: Any) -> Any:
        """Publish one frame and wait until the node is through with it, and its readers too."""
        self._follow_outputs()
        before = self.settled
        camera = self.jpeg_camera if isinstance(message, CompressedImage) else self.camera
        camera.publish(self.stamped(message))
        self.spin_until(lambda: self.settled > before)
        self.spin_until(self._all_is_read)
        return message

    def _follow_outputs(self) -> None:
        """Count what the node publishes, from now on."""
        outputs = self.node._outputs
        if outputs is None or outputs is self._followed:
            return
        self._followed, self._finished = outputs, self.counts.processed
        self._published.clear()
        self._arrived.clear()

        def count(topic: str, publish: Callable[[Any], None], message: Any) -> None:
            self._published[topic] += 1
            publish(message)

        def finish(*given: Any, timing: Callable[..., None] = outputs.publish_timing) -> None:
            timing(*given)
            self._finished += 1

        for topic, publisher in outputs._publishers.items():
            publisher.publish = partial(count, topic, publisher.publish)
        outputs.publish_timing = finish

    def _all_is_read(self) -> bool:
        """Return whether the readers have all that the node published of finished frames."""
        return self._finished >= self.counts.processed and all(
            self._arrived[topic] >= self._published[topic] for topic in self._readers)

    def _note(self, topic: str, message: Any) -> None:
        self._arrived[topic] += 1
        self.received[topic].append(message)

    @property
    def settled(self) -> int:
        """Return the number of frames that the node is through with."""
        counts = self.counts
        return counts.processed + counts.bad + counts.late + counts.unread + counts.forgotten

    @property
    def counts(self) -> Any:
        """Return the counts of the node."""
        return self.node._statistics.counts

    def status(self, task: str) -> Any:
        """Return a fresh status of the node's diagnostics."""
        asked = self.probe.get_clock().now().nanoseconds
        self.received['diagnostics'].clear()

        def fresh() -> list[DiagnosticArray]:
            return [report for report in self.received['diagnostics']
                    if Time.from_msg(report.header.stamp).nanoseconds > asked]

        self.spin_until(lambda: bool(fresh()))
        report = fresh()[-1]
        return next(status for status in report.status if status.name == f'perception: {task}')

    def set(self, **values: Any) -> Any:
        """Set parameters of the node, as ros2 param set does."""
        return self.node.set_parameters_atomically(
            [Parameter(name, value=value) for name, value in values.items()])

    @staticmethod
    def image(rgb: np.ndarray, encoding: str = 'rgb8', padding: int = 0) -> Image:
        """Return a camera message of an array, (H, W, C) or (H, W) uint8, with padded rows."""
        rows = rgb.reshape(rgb.shape[0], -1)
        padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
        message = Image(height=rgb.shape[0], width=rgb.shape[1], encoding=encoding,
                        step=padded.shape[1])
        message.data.frombytes(padded.tobytes())
        return message

    @staticmethod
    def pixels(message: Image) -> np.ndarray:
        """Return the pixels of an output."""
        dtype = np.float32 if message.encoding == '32FC1' else np.uint8
        channels = (3,) if message.encoding == 'rgb8' else ()
        shape = (message.height, message.width, *channels)
        return np.frombuffer(message.data, dtype).reshape(shape)

    def close(self) -> None:
        """Take everything down."""
        self.executor.remove_node(self.node)
        self.node.close()
        self.executor.remove_node(self.probe)
        self.probe.destroy_node()
        self.executor.shutdown()
        self.context.try_shutdown()
        del self.node, self.probe, self.executor, self.camera, self.jpeg_camera, self.calibration
        gc.collect()  # rclpy leaves the graph when its objects are collected


@pytest.fixture
def make_robot(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Robot]]:
    """Make robots whose node runs the tiny model; parameters by name, `__` for a dot."""
    robots: list[Robot] = []

    def make(**parameters: Any) -> Robot:
        values = {'model_path': str(tiny_model), 'diagnostic_updater.period': 0.1}
        values.update({name.replace('__', '.'): value for name, value in parameters.items()})
        robots.append(Robot(values, lambda: capfd.readouterr().err))
        return robots[-1]

    yield make
    for robot in robots:
        robot.close()


@pytest.fixture
def picture() -> np.ndarray:
    """Return a picture of 48x96 pixels in which every class and the unknown occur."""
    coarse = np.random.default_rng(7).integers(0, 256, (6, 12, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))
