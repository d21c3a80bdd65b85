# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO says what ONNX Runtime says, and keeps the contract of every engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import sys
import tracemalloc

import numpy as np
import pytest

from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.backends.openvino_backend import OpenVinoBackend
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.exceptions import EngineError, ModelError, ParameterError
from hybrid_perception.manifest import load_manifest


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


@pytest.fixture
def openvino():
    return pytest.importorskip('openvino', reason='OpenVINO is not installed')


@pytest.fixture
def frame():
    return np.random.default_rng(1).integers(0, 256, (1, 32, 64, 3), dtype=np.uint8)


@pytest.mark.usefixtures('openvino')
class TestWithOpenVino:
    def test_answers_are_those_of_onnx_runtime(self, manifest, frame):
        label, score = create_backend('openvino', manifest, threads=1).infer(frame)
        true_label, true_score = OnnxRuntimeBackend(manifest, threads=1).infer(frame)
        np.testing.assert_array_equal(label, true_label)
        np.testing.assert_allclose(score, true_score, atol=1e-4)
        assert (label.dtype, score.dtype, label.shape) == (np.uint8, np.float32, (32, 64))

    def test_answers_belong_to_the_caller(self, manifest, frame):
        backend = OpenVinoBackend(manifest, threads=1)
        first = backend.infer(frame)
        kept = [array.copy() for array in first]
        for _ in range(4):
            second = backend.infer(255 - frame)
        for mine, before, other in zip(first, kept, second, strict=True):
            np.testing.assert_array_equal(mine, before)
            assert not np.shares_memory(mine, other)
            assert mine.flags.writeable

    def test_a_steady_state_allocates_nothing_of_image_size(self, make_tiny_model):
        manifest = load_manifest(make_tiny_model(128, 256))
        backend = OpenVinoBackend(manifest, threads=1)
        image, peaks, held = np.zeros((1, 128, 256, 3), np.uint8), [], None
        tracemalloc.start()
        try:
            for _ in range(8):
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
                held = backend.infer(image), held and held[0]
                peaks.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
        assert max(peaks[4:]) < 128 * 256 / 2

    def test_detail_names_threads_and_reason(self, manifest):
        backend = create_backend('openvino', manifest, threads=1)
        assert backend.name == 'openvino'
        assert "1 thread(s); asked for as 'openvino'" in backend.detail

    @pytest.mark.parametrize('image', [
        np.zeros((1, 16, 64, 3), np.uint8), np.zeros((1, 32, 64, 3), np.float32)])
    def test_a_frame_of_another_shape_is_an_engine_error(self, manifest, image):
        with pytest.raises(EngineError, match='takes an image of shape'):
            OpenVinoBackend(manifest, threads=1).infer(image)

    def test_a_model_that_is_not_the_manifests_is_named(self, make_tiny_model):
        other = load_manifest(make_tiny_model(outputs={
            'label': 'label', 'anomaly_score': 'score'}))
        with pytest.raises(ModelError, match=r'has the tensors .*asks for'):
            OpenVinoBackend(other, threads=1)

    def test_rubbish_is_named(self, manifest):
        manifest.onnx_path.write_bytes(b'rubbish')
        with pytest.raises(ModelError, match='cannot be loaded by OpenVINO'):
            OpenVinoBackend(manifest, threads=1)

    def test_calls_at_a_time_answer_as_one_after_the_other(self, manifest):
        backend = OpenVinoBackend(manifest, threads=1, calls=3)
        images = np.random.default_rng(2).integers(0, 256, (12, 1, 32, 64, 3), np.uint8)
        single = OpenVinoBackend(manifest, threads=1)
        with ThreadPoolExecutor(backend.concurrent_calls) as pool:
            answers = list(pool.map(backend.infer, images))
        for image, (label, score) in zip(images, answers, strict=True):
            true_label, true_score = single.infer(image)
            np.testing.assert_array_equal(label, true_label)
            np.testing.assert_array_equal(score, true_score)

    def test_close_is_final(self, manifest, frame):
        backend = OpenVinoBackend(manifest, threads=1)
        backend.close()
        backend.close()
        with pytest.raises(EngineError, match='was closed'):
            backend.infer(frame)


def test_without_it_who_asks_is_told(manifest, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    with pytest.raises(EngineError, match='pip install openvino'):
        create_backend('openvino', manifest)


def test_impossible_threads_are_named(manifest):
    with pytest.raises(ParameterError, match='threads is 0'):
        OpenVinoBackend(manifest, threads=0)
    with pytest.raises(ParameterError, match='calls is 0'):
        OpenVinoBackend(manifest, calls=0)
