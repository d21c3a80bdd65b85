# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Core types to messages."""

from __future__ import annotations

from dataclasses import dataclass, field
import sys
import time
from types import ModuleType

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.labels import ClassMap
from hybrid_perception.ros.messages import (
    ReusedImage,
    describe_msg,
    label_info_msg,
    msg_from_array,
    rgb_from_msg,
)

CLASSES = ClassMap(('road', 'car'), ((1, 2, 3), (4, 5, 6)), 2, 'unknown', (7, 8, 9))


@pytest.mark.parametrize(('array', 'encoding', 'step'), [
    (np.arange(12, dtype=np.uint8).reshape(3, 4), 'mono8', 4),
    (np.arange(24, dtype=np.uint8).reshape(2, 4, 3), 'rgb8', 12),
    (np.linspace(-9, 9, 12, dtype=np.float32).reshape(3, 4), '32FC1', 16),
    (np.arange(48, dtype=np.uint8).reshape(4, 12)[:, ::2], 'mono8', 6),
])
def test_the_bytes_of_an_array_are_those_of_the_message(array, encoding, step):
    message = msg_from_array(array, Header(frame_id='camera'), encoding)
    assert (message.height, message.width) == array.shape[:2]
    assert (message.step, message.encoding, message.is_bigendian) == (step, encoding, 0)
    assert message.data.tobytes() == array.tobytes()
    assert message.header.frame_id == 'camera'


def test_a_reused_message_says_what_a_new_one_says_and_keeps_its_memory():
    reused, generator = ReusedImage(), np.random.default_rng(0)
    buffers = []
    for shape, encoding in (((4, 6), 'mono8'), ((4, 6), 'mono8'), ((2, 4, 3), 'rgb8'),
                            ((3, 8), 'mono8'), ((2, 3), '32FC1'), ((8, 6), 'mono8')):
        array = generator.integers(0, 99, shape).astype(
            np.float32 if encoding == '32FC1' else np.uint8)
        header = Header(frame_id=f'frame {len(buffers)}')
        message = reused.fill(array, header, encoding)
        assert message == msg_from_array(array, header, encoding)
        buffers.append(message.data)
    assert all(buffer is buffers[0] for buffer in buffers[:5])   # 24 bytes each
    assert len(buffers[5]) == 48


def test_a_reused_message_is_published_as_it_was_filled(make_robot, picture):
    robot = make_robot().start('label')
    for level in (10, 200, 90):
        robot.send(robot.image(np.full_like(picture, level)))
        robot.send(robot.image(picture))
    labels = [message.data.tobytes() for message in robot.received['label']]
    assert labels[1] == labels[3] == labels[5]
    assert len(set(labels)) >= 2


def test_filling_a_large_message_costs_about_a_copy():
    array = np.zeros((1024, 2048, 3), np.uint8)
    copies, fills = [], []
    for _ in range(5):
        start = time.perf_counter()
        array.tobytes()
        middle = time.perf_counter()
        msg_from_array(array, Header(), 'rgb8')
        copies.append(middle - start)
        fills.append(time.perf_counter() - middle)
    # The ways that do not work cost 100 times as much as a copy and more.
    assert min(fills) < 20 * min(copies) + 0.005


def test_an_rgb8_image_is_viewed_and_not_copied():
    message = Image(height=2, width=2, step=8, encoding='rgb8')
    message.data.frombytes(bytes(range(16)))
    rgb = rgb_from_msg(message)
    assert rgb.tolist() == [[[0, 1, 2], [3, 4, 5]], [[8, 9, 10], [11, 12, 13]]]
    assert np.shares_memory(rgb, np.frombuffer(message.data, np.uint8))


@dataclass
class VisionClass:
    class_id: int = 0
    class_name: str = ''


@dataclass
class LabelInfo:
    header: Header = field(default_factory=Header)
    class_map: list = field(default_factory=list)
    threshold: float = 0.0


def test_label_info_names_every_value_that_a_label_can_have(monkeypatch):
    # The fields of vision_msgs/LabelInfo 4.1, which is not installed everywhere.
    stand_in = ModuleType('vision_msgs.msg')
    stand_in.LabelInfo, stand_in.VisionClass = LabelInfo, VisionClass
    monkeypatch.setitem(sys.modules, 'vision_msgs', ModuleType('vision_msgs'))
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', stand_in)
    message = label_info_msg(CLASSES, 1.5, Header(frame_id='x'))
    assert [(entry.class_id, entry.class_name) for entry in message.class_map] == [
        (0, 'road'), (1, 'car'), (2, 'unknown'), (255, 'unlabeled')]
    assert (message.threshold, message.header.frame_id) == (1.5, 'x')


def test_label_info_with_the_real_message():
    pytest.importorskip('vision_msgs', reason='vision_msgs is not installed')
    assert label_info_msg(CLASSES, 1.5, Header()).class_map[2].class_name == 'unknown'


@pytest.mark.parametrize('text', ['x' * 100_000, 'a\n[ERROR] forged\x1b[2J', '\u202edrawkcab'],
                         ids=['long', 'forged', 'reversed'])
def test_what_a_camera_says_of_itself_is_cut_and_printed_safely(text):
    raw = Image(height=1, width=1, step=1, encoding=text, data=b'0')
    compressed = CompressedImage(format=text, data=b'no picture')
    for message in (raw, compressed):
        words = [describe_msg(message)]
        with pytest.raises(EncodingError) as error:
            rgb_from_msg(message)
        words.append(str(error.value))
        for line in words:
            assert len(line) < 600
            assert line.isascii()
            assert line.isprintable()
