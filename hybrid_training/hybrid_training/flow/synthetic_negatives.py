# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Negatives from a flow that is trained beside the segmentation network.

Source: Grcić and Šegvić, Hybrid open-set segmentation with synthetic negative data, TPAMI 2024.
Each step first pastes samples of the flow as negatives for the network, then trains the flow to
explain the known content that its patches cover and, at once, to make patches that the network
finds equally much of every class: it settles on the border of the known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from hybrid_training.exceptions import DivergedError
from hybrid_training.flow.divergence import js_to_uniform
from hybrid_training.flow.image_flow import ImageFlow
from hybrid_training.flow.patches import Patches
from hybrid_training.synthetic_config import SyntheticConfig

CLIP_NORM = 10.0
_KIND = 0x464C4F57  # keeps these draws apart from others that the seed and the step decide


class FlowTerms(NamedTuple):
    """Bits per dimension of the covered patches, and mean JS divergence under pasted pixels."""

    bits: float
    divergence: float


class SyntheticNegatives:
    """The flow of one run with its optimiser; what it draws follows from seed and step.

    Args:
        config: the section `synthetic`.
        num_classes: K; the label of pasted pixels is K + 1.
        seed: of the run.
        device: of the run.
    """

    def __init__(
            self, config: SyntheticConfig, *, num_classes: int, seed: int,
            device: torch.device) -> None:
        self._config = config
        self._negative = num_classes + 1
        self._seed = seed
        self.flow = ImageFlow(config.couplings, config.hidden).to(device)
        self._optimizer = torch.optim.Adamax(self.flow.parameters(), lr=config.lr)
        self.last = FlowTerms(math.nan, math.nan)

    def paste(
            self, image: torch.Tensor, label: torch.Tensor, *, step: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Paste a sample into every image without negatives.

        Args:
            image: (N, 3, H, W) uint8.
            label: (N, H, W) uint8.
            step: steps already taken.

        Returns:
            Both with the patches, rounded as pixels are; the flow gets no gradient.
        """
        patches = self._patches(label, step)
        if not patches.images:
            return image, label
        with torch.no_grad():
            if not self.flow.initialised:
                self._bits(patches, image, self._generator(step, 0))
            drawn = self.flow.sample(
                len(patches.images), patches.size, self._generator(step, 1))
        return (patches.paste(image, drawn.round().to(image.dtype)),
                patches.mark(label, self._negative))

    def learn(
            self, image: torch.Tensor, label: torch.Tensor, *, step: int, model: nn.Module,
            segment: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Take one step of the flow; the network's weights and statistics stay as they are.

        Args:
            image: (N, 3, H, W) uint8, before `paste`.
            label: (N, H, W) uint8, before `paste`.
            step: as for `paste`.
            model: the network, in the mode that it is trained in.
            segment: from images (N, 3, H, W) float32 to class logits (N, K, H/4, W/4) float32.

        Raises:
            DivergedError: the flow's loss is not finite; the flow is left as it was.
        """
        patches = self._patches(label, step)
        if not patches.images:
            return
        bits = self._bits(patches, image, self._generator(step, 2)).mean()
        drawn = self.flow.sample(len(patches.images), patches.size, self._generator(step, 3))
        pasted = patches.mark(torch.zeros_like(label), 1)[:, 2::4, 2::4].bool()
        with untouched(model):
            logits = segment(patches.paste(image, drawn))
            divergence = js_to_uniform(logits)[pasted].mean()
            loss = bits + self._config.weight * divergence
            if not torch.isfinite(loss):
                msg = (f'step {step + 1}: the loss of the flow is {loss.item()}: lower '
                       'synthetic.lr; the last checkpoint is whole')
                raise DivergedError(msg)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
        nn.utils.clip_grad_norm_(self.flow.parameters(), CLIP_NORM)
        for group in self._optimizer.param_groups:
            group['lr'] = self._config.lr * self._config.decay ** (
                step // self._config.decay_every)
        self._optimizer.step()
        self.last = FlowTerms(bits.item(), divergence.item())

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs; tensors are the live ones."""
        return {'flow': self.flow.state_dict(), 'optimizer': self._optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`.

        Raises:
            RuntimeError, ValueError: it is of another flow.
        """
        self.start_from(state)
        self._optimizer.load_state_dict(state['optimizer'])

    def start_from(self, state: dict[str, Any]) -> None:
        """Take the flow of a `state`, with an optimiser of one's own.

        Raises:
            RuntimeError: it is of another flow.
        """
        self.flow.load_state_dict(state['flow'])

    def _patches(self, label: torch.Tensor, step: int) -> Patches:
        return Patches.draw(
            label, negative=self._negative, side=self._config.size,
            rng=np.random.default_rng((self._seed, step, _KIND)))

    def _bits(
            self, patches: Patches, image: torch.Tensor, generator: torch.Generator,
    ) -> torch.Tensor:
        covered = patches.covered(image).float()
        noise = torch.rand(covered.shape, generator=generator).to(covered.device)
        return self.flow.bits_per_dimension(covered, noise)

    def _generator(self, step: int, use: int) -> torch.Generator:
        seed = np.random.SeedSequence((self._seed, step, _KIND, use)).generate_state(1)[0]
        return torch.Generator().manual_seed(int(seed))


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Let gradients pass through a network, and leave its weights and statistics as they are."""
    trained = [p for p in model.parameters() if p.requires_grad]
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    for parameter in trained:
        parameter.requires_grad_(False)
    for norm in momenta:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
        for norm, momentum in momenta.items():
            norm.momentum = momentum
