# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ladder decoder with pyramid pooling (after SwiftNet, Oršić and Šegvić, 2019/2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


def conv_block(
        channels_in: int, channels_out: int, kernel: int, *, dilation: int = 1) -> nn.Sequential:
    """Return convolution, BatchNorm and ReLU; the map keeps its size."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=dilation * (kernel // 2),
                  dilation=dilation, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True))


class PyramidPooling(nn.Module):
    """Mix in context from averages over grids of 1, 2 and 4 rows (columns follow the aspect)."""

    rows = (1, 2, 4)
    WIDEST = 8
    """Aspect up to which an exported graph has as many columns as it should."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.reduce = conv_block(channels_in, channels_out, 1)
        self.levels = nn.ModuleList(
            conv_block(channels_out, channels_out // 4, 1) for _ in self.rows)
        self.fuse = conv_block(
            channels_out + len(self.rows) * (channels_out // 4), channels_out, 1)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Map (N, C, h, w) to (N, channels_out, h, w)."""
        feature = self.reduce(feature)
        level_of = self._level_of_any_size if torch.compiler.is_exporting() else self._level
        maps = [feature, *(level_of(feature, rows, level) for rows, level in zip(
            self.rows, self.levels, strict=True))]
        return self.fuse(torch.cat(maps, dim=1))

    def _level(self, feature: torch.Tensor, rows: int, level: nn.Module) -> torch.Tensor:
        height, width = feature.shape[-2:]
        columns = max(1, round(rows * width / height))
        pooled = functional.adaptive_avg_pool2d(
            feature, (min(rows, height), min(columns, width)))
        return functional.interpolate(
            level(pooled), size=(height, width), mode='bilinear', align_corners=False)

    def _level_of_any_size(
            self, feature: torch.Tensor, rows: int, level: nn.Module) -> torch.Tensor:
        """Return the same by products with matrices that follow from height and width alone.

        The number of columns depends on the picture's aspect, which a graph for any size cannot
        have as a size of its own: the grid has WIDEST columns for each row, and those beyond the
        right number are zero and unused. Engines that know height and width fold the matrices.
        """
        height, width = (_as_scalar(n) for n in feature.shape[-2:])
        row_count = torch.minimum(torch.tensor(float(rows)), height)
        columns = torch.round(rows * width / height)  # halves to even, as round() above
        columns = torch.minimum(columns.clamp(1, self.WIDEST * rows), width)
        pool_rows, spread_rows = _grid(feature.shape[-2], height, row_count, rows)
        pool_columns, spread_columns = _grid(
            feature.shape[-1], width, columns, self.WIDEST * rows)
        pooled = pool_rows @ (feature @ pool_columns.T)
        return spread_rows @ (level(pooled) @ spread_columns.T)


def _as_scalar(size: int) -> torch.Tensor:
    return torch.scalar_tensor(size, dtype=torch.float32)


def _grid(
        length: int, size: torch.Tensor, count: torch.Tensor, cells: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the matrices that pool one axis to `count` cells, and that spread them again.

    (cells, length) of adaptive average pooling, (length, cells) of half-pixel bilinear
    interpolation; cells from `count` on are zero.
    """
    place = torch.arange(length, dtype=torch.float32)
    cell = torch.arange(cells, dtype=torch.float32).unsqueeze(1)
    first = torch.floor(cell * size / count)
    end = torch.ceil((cell + 1) * size / count)
    inside = ((place >= first) & (place < end) & (cell < count)).to(torch.float32)
    pool = inside / (end - first)
    source = ((place + 0.5) * count / size - 0.5).clamp(min=0).unsqueeze(1)
    before = torch.floor(source)
    after = torch.minimum(before + 1, count - 1)
    number = cell.T
    spread = ((number == before).to(torch.float32) * (1 - (source - before))
              + (number == after).to(torch.float32) * (source - before))
    return pool, spread


class LadderDecoder(nn.Module):
    """Blend encoder maps from coarse to fine into one map at stride 4.

    Widths that fall with the stride put the computation where there are few pixels (the flexible
    decoder of PP-LiteSeg, Peng et al., 2022, section 3.1): most of a uniform ladder's is one 3x3
    convolution at stride 4.

    Args:
        channels_in: channels of the encoder's maps, finest first.
        channels: channels of every decoder map, or one width for each blend, from stride 16 to
            stride 4; the pooled map has the first.
        pyramid_pooling: mix context into the coarsest map; else a 1x1 convolution takes its place.

    Attributes:
        channels: of the map that comes out.
    """

    def __init__(
            self, channels_in: Sequence[int], channels: int | Sequence[int] = 128, *,
            pyramid_pooling: bool = True) -> None:
        super().__init__()
        skips = list(reversed(channels_in[:-1]))
        widths = [channels] * len(skips) if isinstance(channels, int) else list(channels)
        if len(widths) != len(skips):
            msg = f'channels: want one width or {len(skips)}, got {len(widths)}'
            raise ValueError(msg)
        self.channels = widths[-1]
        self.pooling: nn.Module = (
            PyramidPooling(channels_in[-1], widths[0]) if pyramid_pooling
            else conv_block(channels_in[-1], widths[0], 1))
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width))
            for c, width in zip(skips, widths, strict=True))
        # Before the upsampling, with which it commutes: a quarter of the pixels.
        self.narrowings = nn.ModuleList(
            nn.Identity() if width == coarser
            else nn.Conv2d(coarser, width, 1, bias=False)
            for coarser, width in zip([widths[0], *widths], widths, strict=False))
        self.blends = nn.ModuleList(conv_block(width, width, 3) for width in widths)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Map encoder features, finest first, to one map (N, channels, H/4, W/4)."""
        blended = self.pooling(features[-1])
        for skip, lateral, narrowing, blend in zip(
                reversed(features[:-1]), self.laterals, self.narrowings, self.blends,
                strict=True):
            upsampled = functional.interpolate(
                narrowing(blended), size=skip.shape[-2:], mode='bilinear', align_corners=False)
            blended = blend(upsampled + lateral(skip))
        return blended
