# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The outputs of a frame: the same from reused memory, which a steady state does with."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.buffers import BufferPool
from hybrid_perception.image import to_rgb
from hybrid_perception.manifest import load_manifest
from hybrid_perception.scene import IMAGES, Scene, Style
from hybrid_perception.segmentation import Segmentation, Segmenter

SIZE = (512, 1024)
STYLE = Style(0.5, 0.5, -2.0, 2.0, 1.5)
TOPICS = [output.topic for output in IMAGES]


@pytest.fixture
def manifest(make_tiny_model):
    return load_manifest(make_tiny_model(64, 128))


def drawn(seed: int, class_map, buffers: BufferPool | None) -> Scene:
    generator = np.random.default_rng(seed)
    score = cv2.GaussianBlur(generator.standard_normal(SIZE, np.float32), (0, 0), 9)
    score = np.asarray(score / score.std(), np.float32)
    score[:20] = np.nan
    label = generator.integers(0, class_map.num_classes, SIZE, np.uint8)
    label[:20] = 255
    view = generator.integers(0, 256, (*SIZE, 3), np.uint8)
    return Scene(Segmentation(label, score), view, class_map, STYLE, buffers=buffers)


def test_outputs_from_reused_memory_are_those_from_new_memory(manifest):
    buffers = BufferPool()
    for seed in range(4):
        new, reused = (drawn(seed, manifest.class_map, each) for each in (None, buffers))
        # All of a frame's are held at once, so that none may lie in the memory of another.
        found = [output.render(reused) for output in IMAGES]
        for output, image in zip(IMAGES, found, strict=True):
            np.testing.assert_array_equal(image, output.render(new), err_msg=output.topic)


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'bgra8'])
@pytest.mark.parametrize('topics', [TOPICS[:4], TOPICS], ids=['data', 'all'])
def test_from_camera_bytes_to_outputs_nothing_of_image_size_is_allocated(
    manifest, encoding, topics
):
    if topics == TOPICS and tuple(map(int, cv2.__version__.split('.')[:2])) < (4, 6):
        pytest.skip('applyColorMap makes a copy before OpenCV 4.6')
    height, width = SIZE
    channels = 4 if encoding == 'bgra8' else 3
    # Not noise: the outlines of its regions would be a list as large as an image.
    camera = np.zeros((*SIZE, channels), np.uint8)
    camera[:, :width // 2] = 255
    data = camera.tobytes()
    segmenter = Segmenter(manifest, create_backend('auto', manifest, threads=1), late=True)
    buffers, peaks, rendered = BufferPool(), [], 0
    tracemalloc.start()
    try:
        for _ in range(8):
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            rgb = to_rgb(data, height=height, width=width, encoding=encoding,
                         step=channels * width, buffers=buffers)
            scene = Scene(segmenter.segment(rgb), segmenter.output_view(rgb), manifest.class_map,
                          STYLE, buffers=buffers)
            for output in IMAGES:
                if output.topic in topics:
                    rendered += output.render(scene).shape[:2] == SIZE
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
            del rgb, scene
    finally:
        tracemalloc.stop()
    assert rendered == 8 * len(topics)
    assert max(peaks[4:]) < height * width / 4  # a fourth of the smallest output


def test_memory_of_an_output_that_is_held_is_not_written_to(manifest):
    buffers = BufferPool()
    first = drawn(1, manifest.class_map, buffers)
    held = [output.render(first) for output in IMAGES]
    kept = [image.copy() for image in held]
    del first
    for seed in range(2, 6):
        for output in IMAGES:
            output.render(drawn(seed, manifest.class_map, buffers))
    for image, copy in zip(held, kept, strict=True):
        np.testing.assert_array_equal(image, copy)
