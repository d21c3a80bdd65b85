# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Drives to replay, and a replay put together as the tool does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.shared import SharedBackends
from hybrid_perception.manifest import Manifest
from hybrid_perception.picture import list_pictures
from hybrid_perception.replay.frame import (
    CompressedPicture,
    Frame,
    RawPicture,
    Stamp,
)
from hybrid_perception.replay.message import input_message
from hybrid_perception.replay.output_bag import MessageWriter, OutputBag
from hybrid_perception.replay.replayer import Replayer
from hybrid_perception.replay.source import open_source
from hybrid_perception.scene import LABELS, Style
from hybrid_perception.segmentation import Segmenter

ROOT = Path(__file__).resolve().parents[1]
TOPIC = '/camera/image_raw'
PERIOD = 100_000_000


def parse_size(text: str) -> tuple[int, int]:
    """Read WxH."""
    width, height = (int(part) for part in text.split('x'))
    return width, height


def write_drive(folder: Path, frames: Iterator[Frame], type_: str) -> Path:
    """Write a bag of one camera."""
    bag = OutputBag(folder, {TOPIC: type_}, compress=False)
    for frame in frames:
        bag.write(input_message(frame))
    bag.close()
    return folder


def clip_frames(frames: int, size: tuple[int, int]) -> Iterator[Frame]:
    """Make JPEG frames of (width, height) from the bundled clip, over and over."""
    pictures = list_pictures(ROOT / 'demo' / 'clip' / 'images')
    for number in range(frames):
        picture = cv2.resize(cv2.imread(str(pictures[number % len(pictures)])), size)
        content = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        yield Frame(number, TOPIC, number * PERIOD, Stamp.from_nanoseconds(number * PERIOD),
                    'camera', CompressedPicture(content, 'jpeg'))


def noise_frames(frames: int, size: tuple[int, int]) -> Iterator[Frame]:
    """Make raw frames of (width, height)."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8).tobytes()
    for number in range(frames):
        yield Frame(number, TOPIC, number * PERIOD, Stamp.from_nanoseconds(number * PERIOD),
                    'camera', RawPicture(noise, height, width, 'rgb8', 3 * width))


def replayer(drive: Path, manifest: Manifest, backend: Backend) -> Replayer:
    """Put a replay together as the tool does."""
    cv2.setNumThreads(1)
    source, shared = open_source(drive), SharedBackends()
    leases = [shared.open(manifest.sha256, lambda: backend)
              for _ in range(backend.concurrent_calls + 1)]
    return Replayer(
        source, [Segmenter(manifest, lease) for lease in leases],
        MessageWriter(source.topics, LABELS, with_input=False), class_map=manifest.class_map,
        style=Style(manifest.threshold(None), 0.5, -5.0, 5.0), settings={})
