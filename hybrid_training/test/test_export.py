# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The exported graph: exact upsampling, the parser's rules, parity, manifest and card."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional

from hybrid_perception import open_set
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.manifest import load_manifest
from hybrid_training.checkpoint import Checkpoint, save_checkpoint
from hybrid_training.config import TrainingConfig
from hybrid_training.evaluation.predictors import ExportedPredictor, NetworkPredictor
from hybrid_training.exceptions import ExportError
from hybrid_training.export.onnx_file import write_onnx
from hybrid_training.export.parity import measure_parity, require_parity
from hybrid_training.export.pipeline import ExportRequest, export

pytestmark = pytest.mark.timeout(300)  # the exporter alone takes some fifteen quiet seconds
SIZE = (64, 128)


@pytest.fixture(scope='module')
def exported(network, tmp_path_factory, toy_data):
    folder = tmp_path_factory.mktemp('export')
    config = {
        'name': 'toy', 'steps': 1, 'inliers': [{'root': '{data}/streets/train'}],
        'validation': {
            'closed_set': {'root': '{data}/streets/val', 'size': [64, 128],
                           'lookup': '{data}/streets/labels.json'},
            'anomaly_roots': ['{data}/anomalies']}}
    parsed = TrainingConfig.model_validate(config)
    save_checkpoint(folder / 'toy.pt', Checkpoint(1, network.state_dict(), None, config))
    export(ExportRequest(folder / 'toy.pt', folder / 'models', 'toy', SIZE,
                         parsed.validation, toy_data, precisions=('fp16',)))
    return folder / 'models'


def test_folder_holds_model_manifest_and_card_only(exported):
    assert sorted(p.name for p in exported.iterdir()) == [
        'toy.fp16.json', 'toy.fp16.md', 'toy.fp16.onnx', 'toy.json', 'toy.md', 'toy.onnx']
    card = (exported / 'toy.md').read_text()
    assert 'research use' in card
    assert 'make train CONFIG=' in card
    assert '{' not in card.replace('{data}', '')


def test_the_variant_agrees_and_is_in_the_card(exported):
    variant = load_manifest(exported, precision='fp16')
    loss = variant.metrics['against_fp32']
    assert abs(loss['miou']) < 0.02
    assert abs(loss['anomaly']['anomalies']['ap']) < 0.02
    assert variant.metrics['parity']['label_agreement'] > 0.98
    assert '| fp16 | ' in (exported / 'toy.md').read_text()


@pytest.mark.parametrize('name', ['toy.onnx', 'toy.fp16.onnx'])
def test_graph_keeps_the_parsers_rules(exported, name):
    graph = onnx.load(exported / name)
    assert graph.opset_import[0].version == 18
    nodes = graph.graph.node
    assert [n.op_type for n in nodes if 'image' in n.input] == ['Cast']
    casts = [n for n in nodes if n.op_type == 'Cast']
    [last] = [n for n in nodes if 'label' in n.output]
    assert last.op_type == 'Cast'
    assert last is casts[-1]
    assert not [n for n in nodes if n.op_type == 'Shape']
    types = {t.name: (t.type.tensor_type.elem_type,
                      [d.dim_value for d in t.type.tensor_type.shape.dim])
             for t in [*graph.graph.input, *graph.graph.output]}
    uint8, float32 = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
    assert types == {'image': (uint8, [1, 64, 128, 3]), 'label': (uint8, [1, 64, 128]),
                     'anomaly_score': (float32, [1, 64, 128])}


def test_network_and_graph_agree(exported, network):
    manifest = load_manifest(exported)
    graph = ExportedPredictor(manifest, create_backend('onnxruntime', manifest, threads=1))
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (48, 80, 3)).astype(np.uint8) for _ in range(3)]
    parity = measure_parity(NetworkPredictor(network, SIZE), graph, pictures)
    assert parity.label_agreement >= 0.999
    assert parity.score_difference <= 1e-3


def test_score_has_one_definition(exported, network):
    # training (torch), runtime (NumPy) and graph (ONNX), on the same picture
    image = np.random.default_rng(1).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    with torch.inference_mode():
        logits, dataset_logit = network(torch.from_numpy(image).permute(2, 0, 1)[None].float())
    runtime = open_set.hybrid_score(logits[0].numpy(), dataset_logit[0].numpy())
    runtime = functional.interpolate(
        torch.from_numpy(runtime)[None, None], size=SIZE, mode='bilinear')[0, 0].numpy()
    training = NetworkPredictor(network, SIZE)(image).scores['hybrid']
    manifest = load_manifest(exported)
    _, graph = create_backend('onnxruntime', manifest, threads=1).infer(image[None])
    np.testing.assert_allclose(training, runtime, atol=1e-5)
    np.testing.assert_allclose(graph, runtime, atol=1e-3)


def test_sure_inliers_have_a_finite_score_in_the_graph(exported, tmp_path):
    graph = onnx.load(exported / 'toy.onnx')
    [bias] = [t for t in graph.graph.initializer if t.name == 'head.bias']
    values = onnx.numpy_helper.to_array(bias).copy()
    values[-1] = -300.0  # ln P(d_out|x) of about -300: far below where log(sigmoid) is -inf
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    [score] = session.run(['anomaly_score'], {'image': np.zeros((1, *SIZE, 3), np.uint8)})
    assert np.isfinite(score).all()
    assert score.max() < -200


def test_manifest_states_its_operating_points(exported):
    document = json.loads((exported / 'toy.json').read_text())
    points = document['operating_points']
    assert list(points) == ['fpr0.1', 'fpr1', 'fpr5', 'tpr95_anomalies']
    thresholds = [points[name]['threshold'] for name in ('fpr0.1', 'fpr1', 'fpr5')]
    assert thresholds == sorted(thresholds, reverse=True)
    assert 0.04 < points['fpr5']['fpr'] <= 0.05
    assert points['tpr95_anomalies']['tpr'] >= 0.95
    scores = document['metrics']['anomaly']['anomalies']
    assert set(scores) == {'hybrid', 'discriminative', 'generative', 'max_softmax'}


def test_disagreement_is_refused(network):
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.dataset_head.bias.add_(0.01)
    image = np.zeros((*SIZE, 3), np.uint8)
    parity = measure_parity(
        NetworkPredictor(network, SIZE), NetworkPredictor(other, SIZE), [image])
    with pytest.raises(ExportError, match='does not agree'):
        require_parity(parity)


def test_odd_size_is_refused(network, tmp_path):
    with pytest.raises(ValueError, match='multiples of 32'):
        write_onnx(network, tmp_path / 'x.onnx', (100, 128))


def test_graph_names_no_file_of_the_machine_that_exported(network, tmp_path):
    path = tmp_path / 'a.onnx'
    write_onnx(network, path, (64, 128))
    assert b'.py"' not in path.read_bytes()
    assert str(Path(__file__).parents[1]).encode() not in path.read_bytes()
