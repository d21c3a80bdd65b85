# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where synthetic patches of one step go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from hybrid_training.synthetic_config import STRIDE


@dataclass(frozen=True)
class Patches:
    """One rectangle in each chosen image of a batch, all of one size.

    Attributes:
        images: indices of the chosen images.
        corners: (row, column) of the upper left pixel in each.
        size: (height, width), multiples of 8.
    """

    images: tuple[int, ...]
    corners: tuple[tuple[int, int], ...]
    size: tuple[int, int]

    @classmethod
    def draw(
            cls, label: torch.Tensor, *, negative: int, side: tuple[int, int],
            rng: np.random.Generator) -> Patches:
        """Choose every image without pasted negatives, and a place in it.

        Args:
            label: (N, H, W), H and W not below `side`.
            negative: label of pasted pixels.
            side: least and most pixels of height and width, drawn independently.
            rng: for everything.
        """
        images = [i for i, one in enumerate(label) if not bool((one == negative).any())]
        size = rng.integers(side[0] // STRIDE, side[1] // STRIDE + 1, 2) * STRIDE
        room = np.array(label.shape[-2:]) - size + 1
        corners = rng.integers(0, room, (len(images), 2))
        return cls(tuple(images), tuple((int(r), int(c)) for r, c in corners),
                   (int(size[0]), int(size[1])))

    def covered(self, image: torch.Tensor) -> torch.Tensor:
        """Return what lies under the rectangles of image (N, C, H, W): (n, C, height, width)."""
        return torch.stack([image[i][:, rows, columns] for i, rows, columns in self._places()])

    def paste(self, image: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Return a copy of image (N, C, H, W) with the patches in it, differentiable in them."""
        mixed = image.to(patches.dtype, copy=True)
        for (i, rows, columns), patch in zip(self._places(), patches, strict=True):
            mixed[i, :, rows, columns] = patch
        return mixed

    def mark(self, label: torch.Tensor, value: int) -> torch.Tensor:
        """Return a copy of label (N, H, W) with a value under the rectangles."""
        marked = label.clone()
        for i, rows, columns in self._places():
            marked[i, rows, columns] = value
        return marked

    def _places(self) -> list[tuple[int, slice, slice]]:
        height, width = self.size
        return [(i, slice(r, r + height), slice(c, c + width))
                for i, (r, c) in zip(self.images, self.corners, strict=True)]
