# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ESPNetv2's segmentation network, to run a published peer through the same evaluation.

Sources: Mehta et al., ESPNetv2 (CVPR 2019), sections 3.1 to 3.3, for the encoder; Mehta et al.,
DiCENet (TPAMI 2020), section 4, for the efficient pyramid pooling of the decoder. Modules are
called as in the published state dicts, so that those load as they are; nothing is trained here.
"""

from __future__ import annotations

from collections import OrderedDict
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

BRANCHES = 4
POOL_SCALES = (2.0, 1.5, 1.0, 0.5, 0.1)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Normed(nn.Module):
    """Convolution, if any, then BatchNorm, then PReLU, if wanted."""

    def __init__(
            self, channels: tuple[int, int] | int, kernel: int = 0, *, stride: int = 1,
            groups: int = 1, act: bool = True) -> None:
        super().__init__()
        before, after = (channels, channels) if isinstance(channels, int) else channels
        if kernel:
            self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups,
                                  bias=False)
        self.bn = nn.BatchNorm2d(after)
        if act:
            self.act = nn.PReLU(after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply what there is, in this order."""
        for module in self.children():
            x = module(x)
        return x


class Dilated(nn.Module):
    """Depth-wise 3x3 convolution with holes."""

    def __init__(self, channels: int, dilation: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride, dilation, dilation, channels,
                              bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        return self.conv(x)


class Eesp(nn.Module):
    """Extremely efficient spatial pyramid: reduce, split, convolve, sum hierarchically, merge.

    A branch whose receptive field (3, 5, 7, 9) would exceed `limit` convolves without holes.
    """

    def __init__(self, before: int, after: int, *, limit: int, stride: int = 1) -> None:
        super().__init__()
        width = after // BRANCHES
        fields = sorted(f if f <= limit else 3 for f in range(3, 3 + 2 * BRANCHES, 2))
        self.proj_1x1 = Normed((before, width), 1, groups=BRANCHES)
        self.spp_dw = nn.ModuleList(Dilated(width, (f - 1) // 2, stride) for f in fields)
        self.br_after_cat = Normed(after)
        self.conv_1x1_exp = Normed((after, after), 1, groups=BRANCHES, act=False)
        self.module_act = nn.PReLU(after)
        self.residual = stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, before, h, w) to (N, after, h / stride, w / stride)."""
        reduced = self.proj_1x1(x)
        fused: list[torch.Tensor] = []
        for branch in self.spp_dw:
            found = branch(reduced)
            fused.append(found + fused[-1] if fused else found)
        merged = self.conv_1x1_exp(self.br_after_cat(torch.cat(fused, 1)))
        # Halving blocks are activated by what contains them, after the pooled input is joined.
        return self.module_act(merged + x) if self.residual else merged


class Downsampler(nn.Module):
    """Halve: pooled input beside a strided EESP, plus a short cut from the picture itself."""

    def __init__(self, before: int, after: int, *, limit: int) -> None:
        super().__init__()
        self.eesp = Eesp(before, after - before, limit=limit, stride=2)
        self.inp_reinf = nn.Sequential(
            Normed((3, 3), 3), Normed((3, after), 1, act=False))
        self.act = nn.PReLU(after)

    def forward(self, x: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Map (N, before, h, w) and image (N, 3, H, W) to (N, after, h / 2, w / 2)."""
        halved = torch.cat([_halve(x), self.eesp(x)], 1)
        while image.shape[2] > halved.shape[2]:
            image = _halve(image)
        return self.act(halved + self.inp_reinf(image))


class Encoder(nn.Module):
    """ESPNetv2 without its last level: strides 2, 4, 8 and 16."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Normed((3, 32), 3, stride=2)
        self.level2_0 = Downsampler(32, 128, limit=13)
        self.level3_0 = Downsampler(128, 256, limit=11)
        self.level3 = nn.ModuleList(Eesp(256, 256, limit=9) for _ in range(3))
        self.level4_0 = Downsampler(256, 512, limit=9)
        self.level4 = nn.ModuleList(Eesp(512, 512, limit=7) for _ in range(7))

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return the four levels, finest first."""
        levels = [self.level1(image)]
        levels.append(self.level2_0(levels[-1], image))
        for halve, blocks in ((self.level3_0, self.level3), (self.level4_0, self.level4)):
            x = halve(levels[-1], image)
            for block in blocks:
                x = block(x)
            levels.append(x)
        return levels


class PyramidPool(nn.Module):
    """Efficient pyramid pooling: depth-wise convolutions at five scales of a narrow map."""

    def __init__(self, before: int, width: int, after: int, *, last: bool = False) -> None:
        super().__init__()
        count = len(POOL_SCALES)
        self.projection_layer = _wrapped('cbr', before, width, 1)
        self.stages = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False) for _ in range(count))
        self.merge_layer = nn.Sequential(
            _wrapped('br', width * count), nn.ChannelShuffle(count),
            _wrapped('cbr', width * count, width, 3, groups=width),
            nn.Conv2d(width, after, 1, bias=last))
        self.br = nn.Identity() if last else _wrapped('br', after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, before, h, w) to (N, after, h, w)."""
        x = self.projection_layer(x)
        size = (x.shape[2], x.shape[3])
        pooled = [self._stage(x, scale, stage, size)
                  for scale, stage in zip(POOL_SCALES, self.stages, strict=True)]
        return self.br(self.merge_layer(torch.cat(pooled, 1)))

    @staticmethod
    def _stage(
            x: torch.Tensor, scale: float, stage: nn.Module, size: tuple[int, int],
    ) -> torch.Tensor:
        inside = tuple(max(5, math.ceil(length * scale)) for length in size)
        if scale < 1:
            return _resized(stage(functional.adaptive_avg_pool2d(x, inside)), size)
        if scale > 1:
            return functional.adaptive_avg_pool2d(stage(_resized(x, inside)), size)
        return stage(x)


class SkipMerge(nn.Module):
    """A level of the encoder, convolved in groups and weighted by its own pooled content."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.wt_layer = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(before, after, 1, bias=False), nn.Sigmoid())
        self.expansion_layer = _wrapped(
            'cbr', before, after, 3, groups=math.gcd(before, after))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, before, h, w) to (N, after, h, w)."""
        return self.expansion_layer(x) * self.wt_layer(x)


class EspNetV2(nn.Module):
    """ESPNetv2 s2.0 for 19 Cityscapes classes and the background (20 outputs)."""

    def __init__(self, outputs: int = 20) -> None:
        super().__init__()
        width = outputs // 2
        self.base_net = Encoder()
        self.bu_dec_l1 = PyramidPool(512, width, 64)
        self.merge_enc_dec_l2, self.bu_br_l2 = SkipMerge(256, 64), _normed_act(64)
        self.bu_dec_l2 = PyramidPool(64, width, 48)
        self.merge_enc_dec_l3, self.bu_br_l3 = SkipMerge(128, 48), _normed_act(48)
        self.bu_dec_l3 = PyramidPool(48, width, 32)
        self.merge_enc_dec_l4, self.bu_br_l4 = SkipMerge(32, 32), _normed_act(32)
        self.bu_dec_l4 = PyramidPool(32, width, outputs, last=True)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images (N, 3, H, W), RGB 0..255, to logits (N, outputs, H / 2, W / 2)."""
        mean, std = (image.new_tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
        *skips, x = self.base_net((image / 255 - mean) / std)
        x = self.bu_dec_l1(x)
        for skip, merge, join, decode in (
                (skips[2], self.merge_enc_dec_l2, self.bu_br_l2, self.bu_dec_l2),
                (skips[1], self.merge_enc_dec_l3, self.bu_br_l3, self.bu_dec_l3),
                (skips[0], self.merge_enc_dec_l4, self.bu_br_l4, self.bu_dec_l4)):
            x = decode(join(_resized(x, skip.shape[2:]) + merge(skip)))
        return x


def load_espnetv2(path: Path) -> EspNetV2:
    """Build the network with published weights, in eval mode.

    Raises:
        ValueError: the file is no state dict of this network.
    """
    network = EspNetV2()
    try:
        network.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))
    except Exception as error:
        msg = f'{path}: want the state dict of ESPNetv2 s2.0 with 20 outputs: {error}'
        raise ValueError(msg) from error
    return network.eval()


def _halve(x: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(x, 3, 2, 1)


def _resized(x: torch.Tensor, size: tuple[int, ...] | torch.Size) -> torch.Tensor:
    return functional.interpolate(x, tuple(size), mode='bilinear', align_corners=True)


def _normed_act(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels))


def _wrapped(name: str, before: int, after: int = 0, kernel: int = 0, *,
             groups: int = 1) -> nn.Module:
    """Build the decoder's blocks, which the state dicts wrap in one more name."""
    block = _normed_act(after or before)
    if kernel:
        block.insert(0, nn.Conv2d(before, after, kernel, padding=kernel // 2, groups=groups,
                                  bias=False))
    return nn.Sequential(OrderedDict([(name, block)]))
