# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of the running node, for a viewer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
import logging
import time
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float64

from hybrid_perception.exceptions import EncodingError, ParameterError
from hybrid_perception.labels import ClassMap
from hybrid_perception.replay.frame import Stamp
from hybrid_perception.ros.messages import describe_msg, rgb_from_msg
from hybrid_perception.ros.outputs import DEBUG
from hybrid_perception.ros.transport import choose_transport_profile, input_qos, output_qos
from hybrid_perception.view.frame_joiner import CAMERA, LABEL, SCORE, FrameJoiner, JoinedFrame
from hybrid_perception.view.view_frame import ViewFrame

LOGGER = logging.getLogger(__name__)
NODE_NAME = 'hybrid_perception_view'
SPIN_TIMEOUT = 0.1
_PATIENCE = 10.0
"""Seconds without a frame after which the log says that nothing comes."""
_BEHIND = 2
"""Frames that may wait for the viewer; older ones are passed over."""
_CAMERA_TYPES = {
    'sensor_msgs/msg/Image': Image, 'sensor_msgs/msg/CompressedImage': CompressedImage}
_DTYPES = {LABEL: ('mono8', np.uint8), SCORE: ('32FC1', np.float32)}


class LiveView:
    """Subscribes to a node's label, score and times, and to the camera that it reads.

    A context manager. Subscribing makes the node compute, as any reader does.
    """

    total: int | None = None
    timed = True

    def __init__(
        self, class_map: ClassMap, *, node: str, camera: str | None = None,
        context: Context | None = None,
    ) -> None:
        """Subscribe.

        Args:
            class_map: of the node's model.
            node: name of the node, with its namespace.
            camera: topic of the camera; where left out, the one that the node reads.
            context: of ROS; a new one where left out.

        Raises:
            ParameterError: ROS cannot be started, or the name is no name of a node.
        """
        choose_transport_profile()
        self.notes: list[str] = []
        self._class_map = class_map
        self._name = f'/{node.strip("/")}'
        self._camera = camera
        self._camera_reader: Any = None
        self._frames: deque[JoinedFrame] = deque(maxlen=_BEHIND)
        self._own = context is None
        self._context = context or Context()
        try:
            if self._own:   # a context of its own installs no handlers: Ctrl-C is the viewer's
                self._context.init(args=[])
            self._node = Node(NODE_NAME, context=self._context)
            self._executor = SingleThreadedExecutor(context=self._context)
            self._executor.add_node(self._node)
            self._joiner = FrameJoiner({LABEL, SCORE}, self._times())
            self._subscribe()
        except Exception as error:   # rclpy's own types
            raise ParameterError(f'cannot subscribe to {self._name}: {error}') from error

    def __enter__(self) -> LiveView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.remove_node(self._node)
        self._node.destroy_node()
        self._executor.shutdown()
        if self._own:
            self._context.try_shutdown()

    def frames(self, every: int = 1) -> Iterator[ViewFrame]:
        """Give frames as they come, without an end; those that come too fast are passed over."""
        count = 0
        last, told = time.monotonic(), False
        while self._context.ok():
            try:
                self._executor.spin_once(timeout_sec=SPIN_TIMEOUT)
            except ExternalShutdownException:
                return
            self._find_camera()
            if self._frames:
                last, told = time.monotonic(), False
            elif not told and time.monotonic() - last > _PATIENCE:
                told = True
                LOGGER.warning(self._nothing_comes())
            while self._frames:
                joined = self._frames.popleft()
                count += 1
                if count % every == 0:
                    yield from self._decode(joined)

    def _decode(self, joined: JoinedFrame) -> Iterator[ViewFrame]:
        trouble: list[str] = []
        try:
            yield joined.decode(self._class_map, trouble)
        except EncodingError as error:
            trouble.append(str(error))
        for text in trouble:
            LOGGER.warning(text)

    @staticmethod
    def _times() -> set[str]:
        return {name.rpartition('/')[2] for name in DEBUG}

    def _subscribe(self) -> None:
        for kind in (LABEL, SCORE):
            self._node.create_subscription(
                Image, f'{self._name}/{kind}', partial(self._on_image, kind), output_qos())
        for topic in DEBUG:
            name = topic.rpartition('/')[2]
            self._node.create_subscription(
                Float64, f'{self._name}/{topic}', partial(self._on_time, name), output_qos())

    def _find_camera(self) -> None:
        """Subscribe to the camera as soon as it is known which one it is."""
        if self._camera_reader is not None:
            return
        space, _, name = self._name.rpartition('/')
        try:
            read = self._node.get_subscriber_names_and_types_by_node(name, space or '/')
        except Exception:   # the node is not there yet; rclpy's type for it moved
            read = []
        known = dict(read if self._camera is None else self._node.get_topic_names_and_types())
        for topic, types in known.items():
            kinds = [_CAMERA_TYPES[type_] for type_ in types if type_ in _CAMERA_TYPES]
            if kinds and self._camera in (None, topic):
                self._camera_reader = self._node.create_subscription(
                    kinds[0], topic, partial(self._on_image, CAMERA), input_qos())
                self._joiner = FrameJoiner({CAMERA, LABEL, SCORE}, self._times())
                return

    def _on_image(self, kind: str, message: Any) -> None:
        stamp = Stamp(message.header.stamp.sec, message.header.stamp.nanosec)
        pixels = (partial(rgb_from_msg, message) if kind == CAMERA
                  else partial(_output_pixels, kind, message))
        self._frames.extend(self._joiner.add_image(kind, stamp, pixels))

    def _on_time(self, name: str, message: Float64) -> None:
        self._frames.extend(self._joiner.add_time(name, message.data))

    def _nothing_comes(self) -> str:
        nodes: Sequence[str] = sorted(
            f'{space.rstrip("/")}/{name}'
            for name, space in self._node.get_node_names_and_namespaces() if name != NODE_NAME)
        return (f'nothing comes from {self._name}; nodes here: {", ".join(nodes) or "none"}. Is '
                'it active, does its camera send, and is ROS_DOMAIN_ID the same?')


def _output_pixels(kind: str, message: Image) -> NDArray[Any]:
    encoding, dtype = _DTYPES[kind]
    row = message.width * np.dtype(dtype).itemsize
    if (message.encoding != encoding or message.step != row or not row
            or len(message.data) != row * message.height):
        raise EncodingError(f'{kind} is {describe_msg(message)}; the node writes {encoding}')
    pixels: NDArray[Any] = np.frombuffer(message.data, dtype)
    return pixels.reshape(message.height, message.width)
