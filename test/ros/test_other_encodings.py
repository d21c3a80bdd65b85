# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Encodings outside the core's table: cv_bridge where it is, a clear error where it is not."""
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import Image

from hybrid_perception.exceptions import EncodingError
from hybrid_perception.ros.messages import rgb_from_msg

pytestmark = pytest.mark.ros


def strange() -> Image:
    return Image(height=2, width=2, encoding='yuv444', step=6, data=bytes(range(12)))


def with_bridge(monkeypatch, convert):
    bridge = SimpleNamespace(imgmsg_to_cv2=convert)
    monkeypatch.setitem(sys.modules, 'cv_bridge', SimpleNamespace(CvBridge=lambda: bridge))


def test_cv_bridge_converts_what_the_core_does_not_read(monkeypatch):
    asked = []

    def convert(message, encoding):
        asked.append((message.encoding, encoding))
        return np.full((2, 2, 3), 7, np.uint8)

    with_bridge(monkeypatch, convert)
    assert (rgb_from_msg(strange()) == 7).all()
    assert asked == [('yuv444', 'rgb8')]


def test_encodings_of_the_core_do_not_go_to_cv_bridge(monkeypatch):
    with_bridge(monkeypatch, lambda *_: pytest.fail('asked cv_bridge'))
    image = Image(height=1, width=2, encoding='mono8', step=2, data=b'\x05\x06')
    assert rgb_from_msg(image).tolist() == [[[5, 5, 5], [6, 6, 6]]]


def test_failure_of_cv_bridge_is_a_bad_frame(monkeypatch):
    def convert(*_):
        raise RuntimeError('[yuv444] is not a recognized image format')

    with_bridge(monkeypatch, convert)
    with pytest.raises(EncodingError, match=r"cannot convert image encoding 'yuv444'.*recognized"):
        rgb_from_msg(strange())


def test_without_cv_bridge_the_error_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    with pytest.raises(EncodingError, match=r"'yuv444' is not supported.*rgb8.*install cv_bridge"):
        rgb_from_msg(strange())
