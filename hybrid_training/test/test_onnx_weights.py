# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The shipped model as a start: the same function, and BatchNorms that fit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.manifest import load_manifest
from hybrid_training.config import ModelConfig
from hybrid_training.data.class_list import CAMVID, CITYSCAPES
from hybrid_training.evaluation.predictors import NetworkPredictor
from hybrid_training.exceptions import CheckpointError
from hybrid_training.export.normalisation import SUFFIX
from hybrid_training.models.network import build_network
from hybrid_training.onnx_weights import normalised_convolutions, read_initializers, restore
from hybrid_training.starting_weights import load_start

ROOT = Path(__file__).parents[2]
STEM = 'encoder.features.conv_stem.weight'
[SHIPPED] = (ROOT / 'models').glob('*_1024x512.onnx')


@pytest.fixture(scope='module')
def pictures() -> list[np.ndarray]:
    files = sorted((ROOT / 'demo/clip/images').glob('*.jpg'))[::20]
    return [cv2.imread(str(f))[..., ::-1] for f in files]


@pytest.fixture(scope='module')
def crops(pictures) -> torch.Tensor:
    small = [cv2.resize(p, (256, 128), interpolation=cv2.INTER_AREA) for p in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2)


@pytest.fixture(scope='module')
def restored(crops):
    torch.manual_seed(0)
    model = build_network(ModelConfig(), 19, pretrained=False)
    load_start(model, SHIPPED, ModelConfig(), CITYSCAPES, prior_shift=0.0,
               crops=lambda: crops)
    return model


def test_restored_network_is_the_graphs_function(restored, pictures):
    manifest = load_manifest(SHIPPED)
    size = manifest.input_size
    image = cv2.resize(pictures[1], size[::-1], interpolation=cv2.INTER_AREA)
    found = NetworkPredictor(restored, size)(image)
    label, score = create_backend('onnxruntime', manifest, threads=1).infer(image[None])
    np.testing.assert_allclose(found.scores['hybrid'], score, atol=1e-4, rtol=0)
    assert (found.label == label).mean() > 0.9999


def test_training_mode_starts_near_it(restored, crops):
    restored.eval()
    with torch.no_grad():
        wanted = restored(crops.float())
        state = {k: v.clone() for k, v in restored.state_dict().items()}
        found = restored.train()(crops.float())
    restored.load_state_dict(state)
    restored.eval()
    # the crops are those of the statistics: what is left is the batches' own
    assert (found.logits - wanted.logits).abs().max() < 0.02
    assert (found.logits.argmax(1) == wanted.logits.argmax(1)).float().mean() > 0.999


def test_statistics_are_those_of_the_crops_and_filters_have_a_fresh_norm(restored):
    pairs = normalised_convolutions(restored)
    assert pairs['encoder.features.conv_stem'] == 'encoder.features.bn1'
    assert pairs['decoder.laterals.0.0'] == 'decoder.laterals.0.1'
    convolutions = [m for m in restored.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(pairs) == len(convolutions) - 2  # all but the heads
    for conv, bn in pairs.items():
        norms = restored.get_submodule(conv).weight.flatten(1).norm(dim=1)
        alive = norms > 0
        torch.testing.assert_close(norms[alive], torch.full_like(norms[alive], 2 ** 0.5))
        assert torch.isfinite(restored.get_submodule(bn).weight).all()


def test_other_classes_get_a_new_class_head_and_the_old_dataset_head(restored, crops):
    model = build_network(ModelConfig(), 11, pretrained=False)
    before = model.class_head.weight.clone()
    load_start(model, SHIPPED, ModelConfig(), CAMVID, prior_shift=0.0,
               crops=lambda: crops[:1])
    assert torch.equal(model.class_head.weight, before)
    assert torch.equal(model.dataset_head.weight, restored.dataset_head.weight)


@pytest.mark.parametrize(('section', 'words'), [
    ({'encoder': 'resnet18'}, "holds no weight 'encoder.features.conv1.weight'"),
    ({'channels': 64}, 'has shape'),
])
def test_another_network_is_refused(section, words, crops):
    config = ModelConfig(**section)
    model = build_network(config, 19, pretrained=False)
    with pytest.raises(CheckpointError, match=words):
        load_start(model, SHIPPED, config, CITYSCAPES, prior_shift=0.0,
                   crops=lambda: crops[:1])


def test_graph_without_its_head_and_no_graph_are_refused(tmp_path, crops):
    weights = read_initializers(SHIPPED)
    del weights['head.weight']
    model = build_network(ModelConfig(), 19, pretrained=False)
    with pytest.raises(CheckpointError, match=r"no weight 'head\.weight'"):
        restore(model, weights, source='x.onnx', crops=crops[:1], class_head=True)
    (tmp_path / 'x.onnx').write_bytes(b'nothing of the kind')
    with pytest.raises(CheckpointError, match='no ONNX file'):
        read_initializers(tmp_path / 'x.onnx')
    with pytest.raises(CheckpointError, match='no such file'):
        read_initializers(tmp_path / 'y.onnx')


def test_filter_of_zeros_stays_finite(crops):
    graph = read_initializers(SHIPPED)
    [name] = [n for n in graph if n.startswith(STEM) and graph[n].ndim == 4]
    graph[name] = graph[name].clone()
    graph[name][3] = 0
    model = build_network(ModelConfig(), 19, pretrained=False).eval()
    restore(model, graph, source='x', crops=crops[:1], class_head=True)
    with torch.no_grad():
        assert all(torch.isfinite(m).all() for m in model(crops[:1].float()))


def test_weights_that_took_in_the_deviation_are_given_back_as_they_were(crops):
    graph = read_initializers(SHIPPED)
    [name] = [n for n in graph if n.startswith(STEM) and graph[n].ndim == 4]
    model = build_network(ModelConfig(), 19, pretrained=False)
    weight = graph.pop(name)
    plain = weight * model.encoder.std if name.endswith(SUFFIX) else weight
    restored = []
    for given in ({STEM: plain}, {f'{STEM}{SUFFIX}': plain / model.encoder.std}):
        restore(model, {**graph, **given}, source='x', crops=crops[:1], class_head=True)
        restored.append(model.state_dict()[STEM].clone())
    torch.testing.assert_close(restored[0], restored[1])
