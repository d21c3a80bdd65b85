# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The head on networks of one's own, and the example of the documentation."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
import re

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

from hybrid_training.evaluation.predictors import NetworkPredictor
from hybrid_training.exceptions import NetworkError
from hybrid_training.export.onnx_file import write_onnx
from hybrid_training.models.upgrade import upgrade

DOCUMENT = Path(__file__).parents[2] / 'docs/networks.md'


class Torchvision(nn.Module):
    """The shape of torchvision's FCN: dictionaries, a stride of 8, logits at full size."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 9, stride=8, padding=4), nn.ReLU())
        self.classifier = nn.Sequential(
            nn.Conv2d(16, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
            nn.Dropout(0.1), nn.Conv2d(12, 7, 1))

    def forward(self, image):
        out = self.classifier(self.backbone(image))
        return OrderedDict(out=functional.interpolate(
            out, size=image.shape[-2:], mode='bilinear', align_corners=False))


@pytest.mark.timeout(300)
def test_documented_example(tmp_path, monkeypatch):
    [example] = re.findall(r'```python\n(.*?)```', DOCUMENT.read_text(encoding='utf-8'), re.S)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict = {}
    exec(compile(example, str(DOCUMENT), 'exec'), names)
    model = names['model']
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    wanted = NetworkPredictor(model, (64, 96))(picture)
    session = onnxruntime.InferenceSession(tmp_path / 'mine.onnx')
    label, score = session.run(['label', 'anomaly_score'], {'image': picture[None]})
    np.testing.assert_allclose(score[0], wanted.scores['hybrid'], atol=1e-4)
    assert (label[0] == wanted.label).mean() > 0.999


@pytest.mark.timeout(300)
@pytest.mark.parametrize('logits', [None, 'classifier.4'])
def test_torchvisions_shape(logits, tmp_path):
    network = Torchvision()
    model = upgrade(network, 'classifier.3', 12, logits=logits, mean=[100.] * 3, std=[50.] * 3)
    assert model.num_classes == 7
    assert network.training
    image = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        found = model.eval()(image)
        normalised = (image - 100) / 50
        feature = network.classifier[:4](network.backbone(normalised))
        z = feature.mul(model.dataset_head.weight[0, :, 0, 0].view(1, -1, 1, 1)).sum(1)
        z = (z + model.dataset_head.bias)[:, None]
        native = network.classifier(network.backbone(normalised))
        whole = network(normalised)['out']
    torch.testing.assert_close(found.dataset_logit[:, None], functional.interpolate(
        z, size=(16, 24), mode='bilinear'), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.logits, functional.interpolate(
        native if logits else whole, size=(16, 24), mode='bilinear'))
    if logits:
        write_onnx(model, tmp_path / 'x.onnx', (64, 96))
        picture = image[:1].byte().permute(0, 2, 3, 1).contiguous().numpy()
        session = onnxruntime.InferenceSession(tmp_path / 'x.onnx')
        [score] = session.run(['anomaly_score'], {'image': picture})
        wanted = NetworkPredictor(model, (64, 96))(picture[0]).scores['hybrid']
        np.testing.assert_allclose(score[0], wanted, atol=1e-4)


def test_function_in_place_of_a_name_and_gradients():
    def maps(network, image):
        feature = network.backbone(image)
        return feature, network.classifier(feature)

    model = upgrade(Torchvision(), maps, 16)
    sum(m.square().mean() for m in model(torch.rand(2, 3, 64, 64))).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert sum(p.numel() for p in model.dataset_head.parameters()) == 17


@pytest.mark.parametrize(('feature', 'channels', 'logits', 'words'), [
    ('neck', 12, None, 'no such submodule'),
    ('classifier.3', 13, None, 'has 12 channels, not 13'),
    ('classifier.3', 12, 'aux', 'no such submodule'),
    ('', 7, None, 'want a tensor'),
])
def test_what_does_not_fit_is_refused(feature, channels, logits, words):
    with pytest.raises(NetworkError, match=words):
        upgrade(Torchvision(), feature, channels, logits=logits)
