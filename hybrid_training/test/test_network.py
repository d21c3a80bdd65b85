# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The network: shapes, head on one map, and its price."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional

from hybrid_training.checkpoint import Checkpoint, save_checkpoint
from hybrid_training.config import ModelConfig, TrainingConfig
from hybrid_training.evaluation.loading import load_predictor
from hybrid_training.exceptions import CheckpointError, ConfigError
from hybrid_training.export.onnx_file import write_onnx
from hybrid_training.models.decoder import PyramidPooling
from hybrid_training.models.network import build_network
from hybrid_training.scores import hybrid_score
from hybrid_training.starting_weights import require_architecture


def test_both_heads_at_stride_four(network):
    with torch.inference_mode():
        logits, dataset_logit = network(torch.zeros(2, 3, 64, 128))
    assert logits.shape == (2, 19, 16, 32)
    assert dataset_logit.shape == (2, 16, 32)


def test_dataset_head_is_129_parameters(network):
    assert sum(p.numel() for p in network.dataset_head.parameters()) == 129
    assert network.dataset_head.in_channels == network.class_head.in_channels == 128


def test_gradients_reach_every_parameter(network):
    logits, dataset_logit = network(torch.rand(1, 3, 64, 64) * 255)
    (logits.square().mean() + dataset_logit.square().mean()).backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None]
    network.zero_grad()
    assert not missing


def test_pyramid_pooling_takes_maps_smaller_than_its_grids():
    pooling = PyramidPooling(8, 16).eval()
    with torch.inference_mode():
        assert pooling(torch.zeros(1, 8, 2, 3)).shape == (1, 16, 2, 3)


def test_names_of_the_default_network_are_for_ever(network):
    """Checkpoints and the start from an ONNX file depend on them."""
    names = list(network.state_dict())
    assert len(names) == 358
    for name in ('encoder.features.conv_stem.weight', 'encoder.features.blocks.6.0.bn3.bias',
                 'decoder.pooling.reduce.0.weight', 'decoder.pooling.levels.2.1.running_var',
                 'decoder.pooling.fuse.1.weight', 'decoder.laterals.2.0.weight',
                 'decoder.blends.2.1.bias', 'class_head.weight', 'dataset_head.bias'):
        assert name in names
    assert all(n.startswith(('encoder.features.', 'decoder.', 'class_head.', 'dataset_head.'))
               for n in names)


def test_checkpoint_without_a_model_section_is_the_default_network(network, tmp_path):
    save_checkpoint(tmp_path / 'old.pt', Checkpoint(1, network.state_dict(), None, {'name': 'x'}))
    predictor, _ = load_predictor(tmp_path / 'old.pt', (64, 64))
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    wanted = network(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
    torch.testing.assert_close(predictor.logits(picture).logits, wanted.logits)


def test_checkpoint_of_another_network_is_refused():
    checkpoint = Checkpoint(1, {}, None, {'model': {'encoder': 'resnet18'}})
    with pytest.raises(CheckpointError, match="encoder 'resnet18', not 'efficientnet_lite0'"):
        require_architecture('x.pt', checkpoint, ModelConfig())
    require_architecture('x.pt', checkpoint, ModelConfig(encoder='resnet18', weights='random'))


def test_configuration_of_the_network_is_checked(toy_config):
    with pytest.raises(ValueError, match='decoder'):
        TrainingConfig.model_validate({**toy_config, 'model': {'decoder': 'unet'}})


@pytest.mark.timeout(300)
@pytest.mark.parametrize('config', [
    {'encoder': 'mobilenetv4_conv_small', 'pyramid_pooling': False},
    {'encoder': 'resnet18', 'decoder': 'deeplabv3plus', 'output_stride': 16},
    {'encoder': 'convnext_atto', 'decoder': 'deeplabv3plus'},
    {'encoder': 'fasternet_t0'},
])
def test_other_networks_export_and_agree(config, tmp_path):
    torch.manual_seed(0)
    model = build_network(ModelConfig(**config, channels=16), 5, pretrained=False)
    for _ in range(2):
        model(torch.rand(2, 3, 64, 64) * 255)
    model.eval()
    write_onnx(model, tmp_path / 'x.onnx', (64, 64))
    picture = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3)).astype(np.uint8)
    session = onnxruntime.InferenceSession(tmp_path / 'x.onnx')
    label, score = session.run(['label', 'anomaly_score'], {'image': picture})
    with torch.inference_mode():
        logits, dataset_logit = model(torch.from_numpy(picture).permute(0, 3, 1, 2).float())
        wanted = hybrid_score(logits, dataset_logit)[:, None]
        wanted, logits = (functional.interpolate(m, scale_factor=4, mode='bilinear')
                          for m in (wanted, logits))
    np.testing.assert_allclose(score, wanted[:, 0].numpy(), atol=1e-4)
    assert (label == logits.argmax(1).numpy()).mean() > 0.999


def test_widths_of_the_decoder_may_fall_by_level():
    net = build_network(ModelConfig(channels=(32, 16, 8)), 4, pretrained=False).eval()
    assert [blend[0].out_channels for blend in net.decoder.blends] == [32, 16, 8]
    assert net.class_head.in_channels == net.dataset_head.in_channels == 8
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, 64, 96)).logits.shape == (1, 4, 16, 24)


def test_widths_want_one_for_each_level():
    with pytest.raises(ValueError, match='channels'):
        ModelConfig(channels=(32, 16))
    with pytest.raises(ConfigError, match='deeplabv3plus'):
        build_network(ModelConfig(decoder='deeplabv3plus', channels=(32, 16, 8)), 4,
                      pretrained=False)


def test_the_grids_are_the_same_whether_the_size_is_known_or_not(monkeypatch):
    torch.manual_seed(0)
    pooling = PyramidPooling(6, 8).eval()
    for size in ((16, 32), (17, 30), (30, 17), (20, 26), (2, 3), (24, 24),
                 (32, 40), (16, 40), (32, 36)):
        feature = torch.randn(1, 6, *size)
        with torch.inference_mode(), monkeypatch.context() as patch:
            known = pooling(feature)
            patch.setattr(torch.compiler, 'is_exporting', lambda: True)
            torch.testing.assert_close(pooling(feature), known, atol=1e-6, rtol=1e-5)
