# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the claim compares: one start, and two arms of equal budget from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hybrid_training.checkpoint import load_checkpoint
from hybrid_training.config import TrainingConfig, load_config
from hybrid_training.exceptions import CheckpointError, ConfigError
from hybrid_training.head_balance import balance

_RECIPE = ('name', 'init', 'negatives', 'loss')
"""What the stages of the arms may differ in, beside what does not touch the weights."""
_CLOSED_LOSS = ('class_weights', 'stride')
"""What of the loss is no part of the recipe: cross-entropy has it too."""
_NOT_WEIGHTS = ('validation', 'threads', 'workers', 'device', 'checkpoint_every', 'log_every')


@dataclass(frozen=True)
class Stage:
    """One training run.

    Attributes:
        config: what it should be trained by.
        run: its folder.
    """

    config: TrainingConfig
    run: Path

    @property
    def last(self) -> Path:
        """The last checkpoint of the run."""
        return self.run / 'last.pt'

    def steps_done(self) -> int:
        """Return the steps taken so far, 0 without a checkpoint.

        Raises:
            CheckpointError: the checkpoint is not whole.
        """
        return load_checkpoint(self.last).step if self.last.is_file() else 0

    def trained_config(self) -> TrainingConfig:
        """Return the configuration that the checkpoint was really trained by."""
        return TrainingConfig.model_validate(load_checkpoint(self.last).config)

    def differences(self) -> list[str]:
        """Name the keys in which what was trained differs from what should have been."""
        wanted, trained = (
            # The same start, wherever the runs lie and however their folder was written.
            c.model_copy(update={'init': c.init and '/'.join(Path(c.init).parts[-2:])})
            for c in (self.config, self.trained_config()))
        return _differences(wanted, trained, _NOT_WEIGHTS)

    def budget(self) -> dict[str, Any]:
        """Return what the checkpoint was trained by, as plain values."""
        trained = self.trained_config()
        return {'run': self.config.name, 'steps': self.steps_done(),
                'steps_wanted': self.config.end, 'batch_size': trained.batch_size,
                'seed': trained.seed, 'differs_from_file_in': self.differences()}


@dataclass(frozen=True)
class Arm:
    """Stages that go on from each other, and the network that comes out.

    Attributes:
        name: base, closed or hybrid.
        stages: in the order of training.
        weights: checkpoint that is measured; None = the last one. Not the best: the arms would
            have had budgets of different length.
    """

    name: str
    stages: tuple[Stage, ...]
    weights: Path | None = None

    @property
    def final(self) -> Stage:
        """The last stage."""
        return self.stages[-1]

    @property
    def checkpoint(self) -> Path:
        """The checkpoint that is measured."""
        return self.weights or self.final.last

    def budget(self) -> dict[str, Any]:
        """Return what was trained, and which checkpoint of it is measured, as plain values."""
        return {'stages': [stage.budget() for stage in self.stages],
                'measured': self.checkpoint.name,
                'measured_step': load_checkpoint(self.checkpoint).step}


@dataclass(frozen=True)
class Arms:
    """The start, and both arms."""

    base: Arm
    closed: Arm
    hybrid: Arm

    def __iter__(self) -> Iterator[Arm]:
        """Yield the arms in the order in which they are trained."""
        yield from (self.base, self.closed, self.hybrid)


def open_arms(
        base: Path, closed: Sequence[Path], hybrid: Sequence[Path], runs: Path) -> Arms:
    """Read the configurations; both arms start from the base run's last checkpoint.

    Args:
        base: configuration of the closed-set start.
        closed: of each stage of the arm without negatives.
        hybrid: of each stage of the arm of the hybrid recipe.
        runs: folder of the run folders, each called as its configuration.

    Raises:
        ConfigError: a configuration is wrong, or the arms differ in more than the recipe.
    """
    if len(closed) != len(hybrid):
        msg = (f'{len(closed)} stage(s) without negatives and {len(hybrid)} of the hybrid recipe; '
               f'want as many of each, for an equal budget')
        raise ConfigError(msg)
    first = load_config(base)
    start = Stage(first, runs / first.name)
    arms = Arms(Arm('base', (start,)),
                Arm('closed', _stages(closed, start.last, runs)),
                Arm('hybrid', _stages(hybrid, start.last, runs)))
    for index, paths in enumerate(zip(closed, hybrid, strict=True)):
        _check_pair(arms.closed.stages[index].config, arms.hybrid.stages[index].config, *paths)
    validation = arms.hybrid.final.config.validation
    if validation is None or validation.closed_set is None:
        msg = f'{hybrid[-1]}: validation.closed_set is missing; closed mIoU is measured there'
        raise ConfigError(msg)
    names = [stage.config.name for arm in arms for stage in arm.stages]
    if len(set(names)) < len(names):
        msg = (f'the runs would be called {", ".join(names)}; every configuration needs a name '
               f'of its own')
        raise ConfigError(msg)
    return arms


def train_missing(arms: Arms, data_root: Path, say: Callable[[str], None]) -> None:
    """Train what is missing and go on with what was cut; leave what is finished.

    Raises:
        HybridTrainingError, ValueError: as for `train.train`.
    """
    from hybrid_training.train import train

    for arm in arms:
        for stage in arm.stages:
            done = stage.steps_done()
            if done >= stage.config.end:
                say(f'{arm.name}: finished, {done} steps ({stage.last})')
                continue
            say(f'{arm.name}: training from step {done} to {stage.config.end} ({stage.run})')
            train(stage.config, stage.run, data_root=data_root)


def check_trained(arms: Arms, say: Callable[[str], None]) -> None:
    """Say where a run is short or was trained by other values than its file has.

    Raises:
        CheckpointError: a run has no whole checkpoint.
    """
    for arm in arms:
        for stage in arm.stages:
            if not stage.last.is_file():
                msg = f'{stage.last}: no such checkpoint; leave out --evaluate-only to train it'
                raise CheckpointError(msg)
            if stage.steps_done() < stage.config.end:
                say(f'WARNING: {arm.name} has {stage.steps_done()} of {stage.config.end} steps '
                    f'({stage.run})')
            if stage.differences():
                say(f'WARNING: {stage.run} was trained by other values of '
                    f'{", ".join(stage.differences())} than its file has')


def balanced(arms: Arms, data_root: Path, say: Callable[[str], None]) -> Arms:
    """Balance the hybrid arm's heads on the negatives it held out, where it held some out.

    Part of the recipe: see `head_balance`. The checkpoint is written beside the run's own.
    """
    arm = arms.hybrid
    if arm.final.trained_config().held_out is None:
        return arms
    output = arm.final.run / f'{arm.checkpoint.stem}_balanced.pt'
    scale, _ = balance(arm.checkpoint, output, data_root)
    say(f'hybrid: dataset logit times {scale:g}, by AP on held-out negatives ({output})')
    return replace(arms, hybrid=replace(arm, weights=output))


def _stages(paths: Sequence[Path], start: Path, runs: Path) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for path in paths:
        config = load_config(path).model_copy(update={'init': str(start)})
        stages.append(Stage(config, runs / config.name))
        start = stages[-1].last
    return tuple(stages)


def _check_pair(
        closed: TrainingConfig, hybrid: TrainingConfig, closed_path: Path, hybrid_path: Path,
) -> None:
    unequal = _differences(closed, hybrid, (*_RECIPE, *_NOT_WEIGHTS))
    unequal += [f'loss.{key}' for key in _CLOSED_LOSS
                if getattr(closed.loss, key) != getattr(hybrid.loss, key)]
    if unequal:
        msg = (f'{closed_path} and {hybrid_path} differ in {", ".join(unequal)}; the claim '
               f'compares recipes on the same network, data, seed and budget')
        raise ConfigError(msg)
    if hybrid.negatives is None or closed.negatives is not None:
        msg = f'{hybrid_path} must have negatives, and {closed_path} none'
        raise ConfigError(msg)


def _differences(
        first: TrainingConfig, second: TrainingConfig, free: tuple[str, ...]) -> list[str]:
    one, other = (c.model_dump(mode='json') for c in (first, second))
    return sorted(k for k in one if k not in free and one[k] != other[k])
