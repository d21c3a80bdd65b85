# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on the tiny model, models that are not what they say, the choice of an engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import logging

import numpy as np
import pytest

from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.exceptions import EngineError, ModelError, ParameterError
from hybrid_perception.manifest import load_manifest


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


def test_values_by_hand(manifest):
    image = np.zeros((1, 32, 64, 3), np.uint8)
    image[0, 0, 0] = (0, 0, 255)
    image[0, 31, 63] = (30, 60, 30)
    label, score = create_backend('onnxruntime', manifest, threads=1).infer(image)
    assert (label.shape, label.dtype) == ((32, 64), np.uint8)
    assert (score.shape, score.dtype) == ((32, 64), np.float32)
    assert (label[0, 0], label[31, 63], label[1, 1]) == (2, 1, 0)
    assert (score[0, 0], score[31, 63], score[1, 1]) == (85 - 127.5, 40 - 127.5, -127.5)


def test_answers_do_not_share_memory(manifest):
    backend = create_backend('auto', manifest, threads=1)
    first = backend.infer(np.zeros((1, 32, 64, 3), np.uint8))
    second = backend.infer(np.full((1, 32, 64, 3), 255, np.uint8))
    assert first[1].max() == -127.5
    assert second[1].min() == 127.5
    for mine, other in zip(first, second, strict=True):
        assert not np.shares_memory(mine, other)
        assert mine.flags.writeable


def test_detail_says_what_runs_and_why(manifest, caplog):
    with caplog.at_level(logging.INFO):
        backend = create_backend('auto', manifest, threads=2)
    assert backend.name == 'onnxruntime'
    assert 'ONNX Runtime' in backend.detail
    assert '2 thread' in backend.detail
    assert 'auto: no NVIDIA driver' in backend.detail
    assert backend.detail in caplog.text


def test_unknown_and_missing_engines_are_named(manifest):
    with pytest.raises(ParameterError, match="'openvinoo' is unknown; use one of auto"):
        create_backend('openvinoo', manifest)
    with pytest.raises(EngineError, match=r"'tensorrt' cannot run here: no NVIDIA driver.*'auto'"):
        create_backend('tensorrt', manifest)


@pytest.mark.parametrize('threads', [0, -1])
def test_impossible_threads_are_named(manifest, threads):
    with pytest.raises(ParameterError, match=f'threads is {threads}'):
        create_backend('auto', manifest, threads=threads)


def test_impossible_calls_are_named(manifest):
    with pytest.raises(ParameterError, match='calls is 0'):
        create_backend('auto', manifest, calls=0)


def test_calls_at_a_time_answer_as_one_after_the_other(manifest):
    backend = create_backend('auto', manifest, threads=1, calls=3)
    assert backend.concurrent_calls == 3
    images = np.random.default_rng(2).integers(0, 256, (12, 1, 32, 64, 3), np.uint8)
    with ThreadPoolExecutor(backend.concurrent_calls) as pool:
        answers = list(pool.map(backend.infer, images))
    single = create_backend('auto', manifest, threads=1)
    assert single.concurrent_calls == 1
    for image, (label, score) in zip(images, answers, strict=True):
        true_label, true_score = single.infer(image)
        np.testing.assert_array_equal(label, true_label)
        np.testing.assert_array_equal(score, true_score)


@pytest.mark.parametrize('image', [
    np.zeros((1, 16, 64, 3), np.uint8), np.zeros((1, 32, 64, 3), np.float32),
    np.zeros((32, 64, 3), np.uint8)])
def test_a_frame_of_another_shape_is_an_engine_error(manifest, image):
    with pytest.raises(EngineError, match=r'tiny\.onnx with an image of shape'):
        create_backend('auto', manifest, threads=1).infer(image)


def test_a_closed_backend_says_so(manifest):
    backend = create_backend('auto', manifest, threads=1)
    backend.close()
    backend.close()
    with pytest.raises(EngineError, match='closed'):
        backend.infer(np.zeros((1, 32, 64, 3), np.uint8))


def test_a_file_that_is_no_onnx_is_named(manifest):
    manifest.onnx_path.write_bytes(b'not a model')
    with pytest.raises(ModelError, match=r'tiny\.onnx cannot be loaded by ONNX Runtime'):
        create_backend('auto', manifest)


@pytest.mark.parametrize(('fields', 'message'), [
    ({'outputs': {'label': 'labels', 'anomaly_score': 'anomaly_score'}},
     r"\$\.outputs\.label is 'labels'; tiny\.onnx has the outputs label, anomaly_score"),
    ({'outputs': {'label': 'anomaly_score', 'anomaly_score': 'label'}},
     r"output 'anomaly_score' is tensor\(float\) \[1, 32, 64\].* asks for tensor\(uint8\)"),
    ({'input': {'name': 'image', 'height': 64, 'width': 64, 'layout': 'NHWC', 'color': 'rgb',
                'dtype': 'uint8'}},
     r"input 'image' is tensor\(uint8\) \[1, 32, 64, 3\].* asks for .*\[1, 64, 64, 3\]"),
    ({'input': {'name': 'pixels', 'height': 32, 'width': 64, 'layout': 'NHWC', 'color': 'rgb',
                'dtype': 'uint8'}}, r"\$\.input\.name is 'pixels'; .* has the inputs image"),
])
def test_tensors_that_differ_from_the_manifest_are_named(make_tiny_model, fields, message):
    manifest = load_manifest(make_tiny_model(**fields))
    with pytest.raises(ModelError, match=message):
        OnnxRuntimeBackend(manifest, threads=1)
