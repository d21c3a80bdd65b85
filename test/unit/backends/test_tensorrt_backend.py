# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The TensorRT backend over a stand-in of TensorRT and the GPU: what is done, in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tensorrt_stand_in import World

from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.backends.tensorrt_backend import PlanError, TensorRtBackend
from hybrid_perception.exceptions import EngineError
from hybrid_perception.manifest import load_manifest

ONE_FRAME = ['upload', 'graph', 'download', 'download', 'wait']


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def make_backend(manifest, world):
    def make(plan=None, manifest=manifest):
        machine = world.accelerator()
        plan = plan or b'plan of 10.3.0;' + manifest.onnx_path.read_bytes()
        return TensorRtBackend(manifest, plan, machine.library, machine.open_device,
                               detail='tensorrt 10.3.0')

    return make


@pytest.fixture
def frame():
    return np.random.default_rng(1).integers(0, 256, (1, 32, 64, 3), dtype=np.uint8)


def test_answers_are_those_of_the_graph(make_backend, manifest, frame):
    backend = make_backend()
    label, score = backend.infer(frame)
    true_label, true_score = OnnxRuntimeBackend(manifest, threads=1).infer(frame)
    np.testing.assert_array_equal(label, true_label)
    np.testing.assert_array_equal(score, true_score)
    assert (label.dtype, score.dtype, label.shape) == (np.uint8, np.float32, (32, 64))


def test_a_frame_is_one_upload_one_graph_two_downloads_and_one_wait(make_backend, world, frame):
    backend = make_backend()
    assert world.calls.count('allocate') == 3
    assert world.calls.index('enqueue') < world.calls.index('graph'), 'one plain run comes first'
    world.calls.clear()
    backend.infer(frame)
    backend.infer(frame)
    assert world.calls == 2 * ONE_FRAME
    assert backend.detail == 'tensorrt 10.3.0, CUDA graph'


def test_answers_belong_to_the_caller(make_backend, frame):
    backend = make_backend()
    first = backend.infer(frame)
    kept = [array.copy() for array in first]
    second = backend.infer(255 - frame)
    for mine, before, other in zip(first, kept, second, strict=True):
        np.testing.assert_array_equal(mine, before)
        assert not np.shares_memory(mine, other)
        assert mine.flags.writeable


def test_without_graphs_the_kernels_are_launched(make_backend, world, frame, caplog):
    world.faults['capture'] = 1
    backend = make_backend()
    assert 'cannot be captured as a CUDA graph (operation not permitted' in caplog.text
    assert backend.detail.endswith('no CUDA graph')
    world.calls.clear()
    label, _ = backend.infer(frame)
    assert world.calls == ['upload', 'enqueue', 'download', 'download', 'wait']
    assert label.any()


@pytest.mark.parametrize(('plan', 'words'), [
    (b'rubbish', 'cannot be loaded .tensorrt 10.3.0: the engine plan file is not compatible'),
    (b'plan of 10.2.0;...', 'cannot be loaded'),
])
def test_a_foreign_or_damaged_plan_is_told_with_tensorrts_words(make_backend, plan, words):
    with pytest.raises(PlanError, match=words):
        make_backend(plan)


@pytest.mark.parametrize('change', [
    {'input_size': (32, 32)}, {'label_name': 'ids'}, {'score_name': 'label'},
    {'label_name': 'anomaly_score', 'score_name': 'label'}])
def test_a_plan_of_another_model_is_not_run(make_backend, manifest, change):
    with pytest.raises(PlanError, match=r'is not of model tiny: its tensors are.*asks for'):
        make_backend(manifest=replace(manifest, **change))


@pytest.mark.parametrize(('fault', 'words'), [
    ('context', 'is its memory full'),
    ('address', "tensor 'image' takes no memory"),
    ('out of memory', 'cannot take model tiny: CUDA out of memory'),
    ('enqueue', 'refused to run model tiny'),
    ('wait', 'illegal memory access'),
])
def test_a_gpu_that_cannot_take_the_model_is_an_engine_error(make_backend, world, fault, words):
    world.faults[fault] = -1
    with pytest.raises(EngineError, match=words) as caught:
        make_backend()
    assert not isinstance(caught.value, PlanError), 'building anew would not help'
    assert world.contexts == 0, 'the traceback must not keep what filled the memory'
    world.faults.clear()
    make_backend()


@pytest.mark.parametrize(('fault', 'words'), [('wait', 'illegal memory access')])
def test_a_failure_while_running_is_an_engine_error(make_backend, world, frame, fault, words):
    backend = make_backend()
    world.faults[fault] = 1
    with pytest.raises(EngineError, match=words):
        backend.infer(frame)


def test_a_refused_launch_is_an_engine_error(make_backend, world, frame):
    world.faults['capture'] = 1
    backend = make_backend()
    world.faults['enqueue'] = 1
    with pytest.raises(EngineError, match='refused to run'):
        backend.infer(frame)


@pytest.mark.parametrize('image', [
    np.zeros((1, 16, 64, 3), np.uint8), np.zeros((1, 32, 64, 3), np.float32),
    np.zeros((32, 64, 3), np.uint8)])
def test_a_frame_of_another_shape_is_an_engine_error(make_backend, image):
    with pytest.raises(EngineError, match='takes an image of shape'):
        make_backend().infer(image)


def test_close_frees_and_is_final(make_backend, world, frame):
    backend = make_backend()
    assert world.contexts == 1
    backend.close()
    backend.close()
    assert world.contexts == 0
    with pytest.raises(EngineError, match='was closed'):
        backend.infer(frame)


def test_two_engines_do_not_disturb_each_other(make_backend, frame):
    first, second = make_backend(), make_backend()
    answers = first.infer(frame), second.infer(255 - frame), first.infer(frame)
    np.testing.assert_array_equal(answers[0][1], answers[2][1])
    assert (answers[0][1] != answers[1][1]).any()
