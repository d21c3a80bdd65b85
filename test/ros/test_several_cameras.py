# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras in one process: one loaded model, fair turns, names of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import threading
import time
from typing import Any

import numpy as np
import pytest
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from hybrid_perception.backends import onnxruntime_backend
from hybrid_perception.ros.loaded_model import Sharing
from hybrid_perception.ros.main import cameras
from hybrid_perception.ros.messages import msg_from_array
from hybrid_perception.ros.segmentation_node import SegmentationNode

NAMES = ('/front', '/rear')


class Rig:
    """Two nodes of one process, a camera and a reader for each, and a thread that spins them."""

    def __init__(self, model: Path) -> None:
        self.context = Context()
        self.context.init()
        self.sharing = Sharing()
        self.nodes = [SegmentationNode(
            context=self.context, sharing=self.sharing, namespace=name, parameter_overrides=[
                Parameter('model_path', value=str(model))]) for name in NAMES]
        self.probe = Node('probe', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        for node in (*self.nodes, self.probe):
            self.executor.add_node(node)
        self.stamps: dict[str, list[int]] = {name: [] for name in NAMES}
        self.cameras = {name: self.probe.create_publisher(
            Image, f'{name}/image', qos_profile_sensor_data) for name in NAMES}
        for name in NAMES:
            self.probe.create_subscription(
                Image, f'{name}/perception/label',
                lambda message, name=name: self.stamps[name].append(message.header.stamp.nanosec),
                10)

    def spin_until(self, condition: Any, timeout: float = 30.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, self.stamps
            self.executor.spin_once(timeout_sec=0.01)

    def start(self) -> None:
        for node in self.nodes:
            assert node.trigger_configure().name == 'SUCCESS', node.fault
            assert node.trigger_activate().name == 'SUCCESS', node.fault
        self.spin_until(lambda: all(c.get_subscription_count() for c in self.cameras.values())
                        and all(node._outputs.watched() for node in self.nodes)
                        and all(heard.get_publisher_count() for node in self.nodes
                                for heard in node._inputs[:1]))

    def send(self, name: str, number: int) -> None:
        message = msg_from_array(
            np.full((32, 64, 3), number % 256, np.uint8), Image().header, 'rgb8')
        message.header.stamp = self.probe.get_clock().now().to_msg()
        self.cameras[name].publish(message)

    def close(self) -> None:
        for node in self.nodes:
            self.executor.remove_node(node)
            node.close()
        self.executor.shutdown()
        self.probe.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def loaded(monkeypatch) -> list[Any]:
    """Count the sessions that are opened."""
    opened: list[Any] = []
    real = onnxruntime_backend._open_session

    def open_session(*given: Any) -> Any:
        opened.append(real(*given))
        return opened[-1]

    monkeypatch.setattr(onnxruntime_backend, '_open_session', open_session)
    return opened


@pytest.fixture
def rig(tiny_model: Path, loaded: list[Any]) -> Iterator[Rig]:
    made = Rig(tiny_model)
    yield made
    made.close()


def test_the_model_is_loaded_once_and_each_camera_answers_under_its_name(rig, loaded):
    rig.start()
    assert len(loaded) == 1
    for name in NAMES:
        rig.send(name, 1)
        rig.spin_until(lambda name=name: len(rig.stamps[name]) == 1)
    assert all(len(stamps) == 1 for stamps in rig.stamps.values())


def test_the_model_stays_for_the_camera_that_is_left(rig, loaded):
    rig.start()
    rig.nodes[0].release()
    rig.send('/rear', 1)
    rig.spin_until(lambda: len(rig.stamps['/rear']) == 1)
    assert len(loaded) == 1


def test_a_camera_three_times_as_fast_does_not_starve_the_other(rig, monkeypatch):
    order: list[float] = []
    rig.start()
    for node in rig.nodes:
        real = node._model.segmenter.segment

        def slow(rgb: np.ndarray, real: Any = real) -> Any:
            time.sleep(0.05)  # so that both cameras overload the engine
            order.append(time.monotonic())
            return real(rgb)

        monkeypatch.setattr(node._model.segmenter, 'segment', slow)
    stop = threading.Event()

    def film(name: str, period: float) -> None:
        number = 0
        while not stop.wait(period):
            number += 1
            rig.send(name, number)

    threads = [threading.Thread(target=film, args=given)
               for given in (('/front', 0.01), ('/rear', 0.03))]
    for thread in threads:
        thread.start()
    try:
        rig.spin_until(lambda: sum(map(len, rig.stamps.values())) >= 30, timeout=60)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    counts = [len(stamps) for stamps in rig.stamps.values()]
    assert min(counts) >= 0.35 * sum(counts), counts
    gaps = np.diff(order)
    assert gaps.min() > 0.04  # one at a time: never two at once on the one engine


def test_the_command_line_names_the_cameras():
    assert cameras([]) == ['']
    assert cameras(['--cameras', '/front', 'rear']) == ['/front', 'rear']


@pytest.mark.parametrize(('args', 'error'), [
    (['--cameras'], 'wants the namespace'),
    (['--cameras', 'a', '--verbose'], 'wants the namespace'),
    (['--cameras', 'a', '/a'], 'twice'),
    (['front'], 'unknown argument'),
])
def test_a_wrong_command_line_is_named(args, error):
    with pytest.raises(ValueError, match=error):
        cameras(args)
