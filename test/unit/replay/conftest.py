# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings of every kind, and a small model that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

rosbags = pytest.importorskip('rosbags', reason='rosbags is not installed: the extra [replay]')

from rosbags.highlevel import AnyReader  # noqa: E402
from rosbags.rosbag1 import Writer as Writer1  # noqa: E402
from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: E402
from rosbags.typesys import Stores, get_typestore  # noqa: E402

from hybrid_perception.cli.main import main  # noqa: E402

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
PERIOD = 100_000_000
HEIGHT, WIDTH = 24, 40


def picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Make an RGB picture in which bright squares wander over coloured noise."""
    generator = np.random.default_rng(number)
    rgb = generator.integers(0, 120, (height, width, 3), np.uint8)
    left = number * 3 % (width - 8)
    rgb[4:12, left:left + 8] = 240
    return rgb


def header(number: int, frame_id: str = 'camera_optical_frame') -> Any:
    # Recorded later than stamped, as in life.
    sec, nanosec = divmod(number * PERIOD + 1_000_000_123, 10**9)
    return STORE.types['std_msgs/msg/Header'](
        STORE.types['builtin_interfaces/msg/Time'](sec, nanosec), frame_id)


def raw(number: int, *, padding: int = 0, **size: int) -> tuple[str, Any]:
    rgb = picture(number, **size)
    height, width = rgb.shape[:2]
    padded = np.zeros((height, 3 * width + padding), np.uint8)
    padded[:, :3 * width] = rgb.reshape(height, -1)
    return IMAGE, STORE.types[IMAGE](
        header(number), height, width, 'rgb8', 0, 3 * width + padding, padded.reshape(-1))


def compressed(number: int, *, ending: str = '.png', damaged: bool = False) -> tuple[str, Any]:
    content = cv2.imencode(ending, picture(number)[..., ::-1])[1].reshape(-1)
    if damaged:
        content = content[:len(content) // 2].copy()
    return COMPRESSED, STORE.types[COMPRESSED](header(number), ending[1:], content)


Messages = Iterable[tuple[str, int, tuple[str, Any]]]


def camera(numbers: Iterable[int], make: Callable[..., Any] = raw, topic: str = '/cam/image_raw',
           **arguments: Any) -> list[tuple[str, int, tuple[str, Any]]]:
    """List a camera's messages: topic, recording time, (type, message)."""
    return [(topic, number * PERIOD + 2_000_000_000, make(number, **arguments))
            for number in numbers]


def write_bag(path: Path, messages: Messages, plugin: StoragePlugin = StoragePlugin.MCAP) -> Path:
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections: dict[str, Any] = {}
        for topic, time, (type_, message) in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, type_, typestore=STORE)
            writer.write(connections[topic], time, STORE.serialize_cdr(message, type_))
    return path


def write_bag1(path: Path, messages: Messages) -> Path:
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(path) as writer:
        connections: dict[str, Any] = {}
        for topic, time, (type_, message) in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, type_, typestore=store)
            old_header = store.types['std_msgs/msg/Header'](
                7, message.header.stamp, message.header.frame_id)
            fields = {**vars(message), 'header': old_header}
            fields.pop('__msgtype__', None)
            writer.write(connections[topic], time,
                         store.serialize_ros1(store.types[type_](**fields), type_))
    return path


def read_bag(path: Path) -> list[tuple[str, int, Any]]:
    """Read back topic, recording time and message."""
    with AnyReader([path]) as reader:
        return [(connection.topic, time, reader.deserialize(content, connection.msgtype))
                for connection, time, content in reader.messages()]


def pixels(message: Any) -> np.ndarray:
    dtype = np.float32 if message.encoding == '32FC1' else np.uint8
    shape = (message.height, message.width) + ((3,) if message.encoding == 'rgb8' else ())
    return message.data.view(dtype).reshape(shape)


@pytest.fixture
def run_tool(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Make a function that runs a subcommand with the tiny model; gives (code, out, err)."""

    def run(command: str, *arguments: object, model: Path | None = tiny_model) -> Any:
        given: Sequence[object] = arguments
        if model is not None:
            given = (*arguments, '--model', model, '--threads', 1)
        code = main([command, *map(str, given)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def replay(run_tool: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """Make a function that replays a recording and gives the path of the output."""

    def run(recording: Path, *arguments: object, output: str = 'out.mcap') -> Path:
        code, _, err = run_tool('replay', recording, '--output', tmp_path / output, *arguments)
        assert code == 0, err
        return tmp_path / output

    return run
