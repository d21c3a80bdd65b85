# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The batches of a run, and what becomes of images that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
import signal
from typing import Literal, NamedTuple

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from hybrid_training.data.training_samples import TrainingSamples
from hybrid_training.exceptions import DataError

TRIES = 10


class Batch(NamedTuple):
    """Image (N, 3, H, W) and label (N, H, W), uint8, and what was wrong with skipped images."""

    image: torch.Tensor
    label: torch.Tensor
    faults: tuple[str, ...] = ()


class _Drawn(NamedTuple):
    sample: tuple[torch.Tensor, torch.Tensor] | None
    faults: tuple[str, ...]


class _Guarded(Dataset[_Drawn]):
    # An error raised in a worker would come out as a page of its traceback.

    def __init__(self, samples: TrainingSamples, tries: int) -> None:
        self._samples = samples
        self._tries = tries

    def __getitem__(self, number: int) -> _Drawn:
        faults: list[str] = []
        for attempt in range(self._tries):
            try:
                return _Drawn(self._samples.draw(number, attempt), tuple(faults))
            except (ValueError, OSError, cv2.error) as error:
                faults.append(' '.join(str(error).split()))
        return _Drawn(None, tuple(faults))


def batches(
        samples: TrainingSamples, *, batch_size: int, start: int, workers: int = 1,
        on_bad_image: Literal['fail', 'skip'] = 'fail', pinned: bool = False) -> Iterator[Batch]:
    """Yield the batches from step `start` on.

    Args:
        samples: of the whole run.
        batch_size: samples per batch.
        start: steps already taken.
        workers: processes that make samples; 0 = this one does.
        on_bad_image: 'skip' draws another image in place of one that cannot be used, the same one
            in every run with the same seed.
        pinned: put the batches into pinned memory, for fast copies to a GPU.

    Raises:
        DataError: an image or a label cannot be used, or a worker died; the message says which
            and why.
    """
    loader = DataLoader(
        _Guarded(samples, TRIES if on_bad_image == 'skip' else 1), batch_size,
        sampler=range(start * batch_size, len(samples)), collate_fn=_collate,
        num_workers=workers, prefetch_factor=4 if workers else None, pin_memory=pinned,
        worker_init_fn=_leave_signals)
    try:
        for batch in loader:
            if not len(batch.image):
                raise DataError(_unusable(batch.faults, on_bad_image))
            yield batch
    except RuntimeError as error:
        if 'DataLoader worker' not in str(error):
            raise
        msg = (f'a process that makes crops died ({error}); if memory ran out, set workers: 1 or '
               'a smaller batch_size, and start the same command again')
        raise DataError(msg) from error


def first_crops(
        samples: TrainingSamples, *, count: int = 16,
        on_bad_image: Literal['fail', 'skip'] = 'fail') -> torch.Tensor:
    """Return the first training crops of a run, (count, 3, H, W) uint8.

    Raises:
        DataError: as for `batches`.
    """
    return next(batches(
        samples, batch_size=count, start=0, workers=0, on_bad_image=on_bad_image)).image


def _collate(drawn: list[_Drawn]) -> Batch:
    faults = tuple(f for d in drawn for f in d.faults)
    samples = [d.sample for d in drawn if d.sample is not None]
    if len(samples) < len(drawn):
        return Batch(torch.empty(0), torch.empty(0), faults)
    return Batch(torch.stack([image for image, _ in samples]),
                 torch.stack([label for _, label in samples]), faults)


def _unusable(faults: tuple[str, ...], on_bad_image: str) -> str:
    if on_bad_image == 'fail':
        return f'{faults[-1]}; mend or remove it, or set on_bad_image: skip'
    return f'{TRIES} images in a row cannot be used, the last: {faults[-1]}'


def _leave_signals(_worker: int) -> None:
    # Ctrl-C reaches every process of a terminal; the run ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
