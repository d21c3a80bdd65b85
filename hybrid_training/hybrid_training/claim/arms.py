# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The runs that the claim compares: one start, and two arms of equal budget from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import TrainingConfig, load_config
from hybrid_training.exceptions import CheckpointError, ConfigError

_RECIPE = ('name', 'negatives', 'loss')
"""What the arms may differ in, beside what does not touch the weights."""
_NOT_WEIGHTS = ('validation', 'threads', 'workers', 'device', 'checkpoint_every', 'log_every')


@dataclass(frozen=True)
class Arm:
    """One run of the claim.

    Attributes:
        name: base, closed or hybrid.
        config: what it should be trained by.
        run: its folder.
    """

    name: str
    config: TrainingConfig
    run: Path

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint of the run."""
        return self.run / 'last.pt'

    def steps_done(self) -> int:
        """Return the steps taken so far, 0 without a checkpoint.

        Raises:
            CheckpointError: the checkpoint is not whole.
        """
        return load_checkpoint(self.checkpoint).step if self.checkpoint.is_file() else 0

    def trained_config(self) -> TrainingConfig:
        """Return the configuration that the checkpoint was really trained by."""
        return TrainingConfig.model_validate(load_checkpoint(self.checkpoint).config)

    def differences(self) -> list[str]:
        """Name the keys in which what was trained differs from what should have been."""
        return _differences(self.config, self.trained_config(), _NOT_WEIGHTS)

    def budget(self) -> dict[str, Any]:
        """Return what the checkpoint was trained by, as plain values."""
        trained = self.trained_config()
        return {'steps': self.steps_done(), 'steps_wanted': self.config.end,
                'batch_size': trained.batch_size, 'seed': trained.seed,
                'differs_from_file_in': self.differences()}


@dataclass(frozen=True)
class Arms:
    """All three runs."""

    base: Arm
    closed: Arm
    hybrid: Arm

    def __iter__(self) -> Iterator[Arm]:
        """Yield the runs in the order in which they are trained."""
        yield from (self.base, self.closed, self.hybrid)


def open_arms(base: Path, closed: Path, hybrid: Path, runs: Path) -> Arms:
    """Read the configurations; both arms start from the base run's last checkpoint.

    Args:
        base: configuration of the closed-set start.
        closed: of the arm without negatives.
        hybrid: of the arm of the hybrid recipe.
        runs: folder of the run folders, each called as its configuration.

    Raises:
        ConfigError: a configuration is wrong, or the arms differ in more than the recipe.
    """
    first = load_config(base)
    start = str(runs / first.name / 'last.pt')
    second, third = (load_config(path).model_copy(update={'init': start})
                     for path in (closed, hybrid))
    unequal = _differences(second, third, (*_RECIPE, *_NOT_WEIGHTS))
    if unequal:
        msg = (f'{closed} and {hybrid} differ in {", ".join(unequal)}; the claim compares recipes '
               f'on the same network, data, seed and budget')
        raise ConfigError(msg)
    if third.negatives is None or second.negatives is not None:
        msg = f'{hybrid} must have negatives, and {closed} none'
        raise ConfigError(msg)
    if third.validation is None or third.validation.closed_set is None:
        msg = f'{hybrid}: validation.closed_set is missing; closed mIoU is measured there'
        raise ConfigError(msg)
    if len({c.name for c in (first, second, third)}) < 3:
        msg = f'{base}, {closed} and {hybrid} need names of their own: their runs are called so'
        raise ConfigError(msg)
    return Arms(*(Arm(name, config, runs / config.name) for name, config in
                  (('base', first), ('closed', second), ('hybrid', third))))


def train_missing(arms: Arms, data_root: Path, say: Callable[[str], None]) -> None:
    """Train what is missing and go on with what was cut; leave what is finished.

    Raises:
        HybridTrainingError, ValueError: as for `train.train`.
    """
    from hybrid_training.train import train

    for arm in arms:
        done = arm.steps_done()
        if done >= arm.config.end:
            say(f'{arm.name}: finished, {done} steps ({arm.checkpoint})')
            continue
        say(f'{arm.name}: training from step {done} to {arm.config.end} ({arm.run})')
        train(arm.config, arm.run, data_root=data_root)


def check_trained(arms: Arms, say: Callable[[str], None]) -> None:
    """Say where a run is short or was trained by other values than its file has.

    Raises:
        CheckpointError: a run has no whole checkpoint.
    """
    for arm in arms:
        if not arm.checkpoint.is_file():
            msg = f'{arm.checkpoint}: no such checkpoint; leave out --evaluate-only to train it'
            raise CheckpointError(msg)
        if arm.steps_done() < arm.config.end:
            say(f'WARNING: {arm.name} has {arm.steps_done()} of {arm.config.end} steps')
        if arm.differences():
            say(f'WARNING: {arm.name} was trained by other values of '
                f'{", ".join(arm.differences())} than its file has')


def _differences(
        first: TrainingConfig, second: TrainingConfig, free: tuple[str, ...]) -> list[str]:
    one, other = (c.model_dump(mode='json') for c in (first, second))
    return sorted(k for k in one if k not in free and one[k] != other[k])
