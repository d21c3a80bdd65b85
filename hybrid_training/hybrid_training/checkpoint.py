# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are whole or absent, never half."""

from __future__ import annotations

from dataclasses import dataclass
import io
import os
from pathlib import Path
import pickle
from typing import Any
import zipfile

import torch

from hybrid_training.exceptions import CheckpointError


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` optimiser steps.

    Attributes:
        step: optimiser steps taken.
        model: state dict of the network.
        optimizer: state dict of the optimiser; None in a checkpoint kept for its weights alone.
        config: the run's configuration as plain values.
        average: state dict of the moving average of the weights, where one is kept.
        scaler: state of the gradient scaler of fp16.
        negative_energies: window of `EnergyWatch`.
        synthetic: the flow of synthetic negatives and its optimiser.
    """

    step: int
    model: dict[str, torch.Tensor]
    optimizer: dict[str, Any] | None
    config: dict[str, Any]
    average: dict[str, torch.Tensor] | None = None
    scaler: dict[str, Any] | None = None
    negative_energies: tuple[float, ...] = ()
    synthetic: dict[str, Any] | None = None

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """The state dict to evaluate, export and start from: the average where there is one."""
        return self.average or self.model


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint beside its place, flush it to disk, then rename it into place.

    Raises:
        CheckpointError: the disk is full or the folder not writable; `path` is left as it was.
    """
    part = path.with_name(path.name + '.part')
    try:
        # By way of memory: on a full disk torch.save says "unexpected pos 64", not what is wrong.
        content = io.BytesIO()
        torch.save(vars(checkpoint), content)
        with part.open('wb') as stream:
            stream.write(content.getbuffer())
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        msg = (f'{path}: checkpoint not written ({error}); what was there before is untouched: '
               'make room and start the same command again')
        raise CheckpointError(msg) from error


def _sync_folder(folder: Path) -> None:
    # Without it the new name may be lost with the power, though the content is not.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, tensors on the CPU.

    Raises:
        CheckpointError: the file is missing, cut short, or no checkpoint of this package.
    """
    try:
        return Checkpoint(**torch.load(path, map_location='cpu', weights_only=True))
    except FileNotFoundError as error:
        msg = f'{path}: no such checkpoint'
        raise CheckpointError(msg) from error
    except (OSError, RuntimeError, TypeError, EOFError, pickle.UnpicklingError,
            zipfile.BadZipFile) as error:
        msg = f'{path}: not a whole checkpoint of hybrid_training ({error})'
        raise CheckpointError(msg) from error
