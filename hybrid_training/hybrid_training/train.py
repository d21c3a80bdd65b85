# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
import random
import sys
import time

import numpy as np
import torch
from tqdm import tqdm

from hybrid_training.batch_stream import Batch, batches, first_crops
from hybrid_training.checkpoint import save_checkpoint
from hybrid_training.config import TrainingConfig, with_classes
from hybrid_training.data.training_samples import TrainingSamples
from hybrid_training.environment import start_facts
from hybrid_training.exceptions import DataError, RunFolderError
from hybrid_training.interruption import Interruption
from hybrid_training.learner import Learner
from hybrid_training.losses import LossTerms
from hybrid_training.precision import choose_device
from hybrid_training.run_folder import RunFolder
from hybrid_training.run_log import RunLog
from hybrid_training.start import start_or_resume
from hybrid_training.training_data import training_samples
from hybrid_training.validation import Validation, ValidationReport, open_validation


def train(config: TrainingConfig, run: Path, *, data_root: Path) -> Path:
    """Train to the last step, resuming from `<run>/last.pt` where there is one.

    Writes `config.yaml`, `starts.jsonl`, `train.csv`, `validation.csv`, `messages.log`,
    TensorBoard files, `last.pt` and, by `validation.selection`, `best.pt`.

    Returns:
        The last checkpoint.

    Raises:
        CheckpointError: a checkpoint cannot be read or written.
        ConfigError, ValueError: the configuration or a data set cannot be used.
        DataError: an image cannot be used; what was trained is in `last.pt`.
        DivergedError: the loss is not finite; the last good checkpoint stays.
        RunFolderError: the run folder cannot be written, or is in use.
        KeyboardInterrupt: on Ctrl-C or SIGTERM; what was trained is in `last.pt`.
    """
    config = with_classes(config, data_root)
    device = choose_device(config.device)
    seed_everything(config.seed)
    torch.set_num_threads(config.threads)
    faults: list[str] = []
    samples = training_samples(
        config, data_root, on_fault=faults.append if config.on_bad_image == 'skip' else None)
    validation = open_validation(config, data_root)
    with RunFolder(run) as folder:
        learner = start_or_resume(
            config, folder.last, device=device, data_root=data_root,
            crops=lambda: first_crops(samples, on_bad_image=config.on_bad_image))
        folder.record_start(
            config, start_facts(step=learner.step, seed=config.seed, device=device))
        loop = _Loop(config, folder, learner, validation)
        for fault in faults:
            loop.skipped(fault)
        loop.run(samples, pinned=device.type == 'cuda')
    return folder.last


class _Loop:
    # One run in one process: steps, logs, measures, checkpoints.

    def __init__(
            self, config: TrainingConfig, folder: RunFolder, learner: Learner,
            validation: Validation | None) -> None:
        self._config = config
        self._folder = folder
        self._learner = learner
        self._validation = validation
        self._start = learner.step
        self._log = RunLog(folder.root, 'train', start=self._start)
        self._measured = RunLog(folder.root, 'validation', start=self._start)
        self._skipped: Counter[str] = Counter()
        self._warned = any(row.get('negative_energy', 0.0) < config.loss.runaway_bound
                           for row in self._log.kept.values())
        self._interruption = Interruption()
        self._saved = self._start
        self._bar = tqdm(total=config.end, initial=self._start, desc=config.name, unit='step',
                         smoothing=0.05)
        self._began = time.monotonic()

    def run(self, samples: TrainingSamples, *, pinned: bool) -> None:
        config = self._config
        stream = batches(
            samples, batch_size=config.batch_size, start=self._start, workers=config.workers,
            on_bad_image=config.on_bad_image, pinned=pinned)
        try:
            with self._interruption:
                self._measure_if_due()  # a run killed while measuring comes back to it
                for batch in stream:
                    self._step(batch)
        except (DataError, RunFolderError):
            # Between two steps, so the weights are whole.
            self._save()
            raise
        finally:
            self._bar.close()
        self._log.close()
        self._measured.close()
        if self._skipped:
            self._say(f'WARNING: {self._skipped.total()} times an image was skipped, '
                      f'{len(self._skipped)} different faults; see messages.log')

    def skipped(self, fault: str) -> None:
        self._skipped[fault] += 1
        if self._skipped[fault] == 1:
            self._say(f'WARNING: skipped: {fault}')

    def _step(self, batch: Batch) -> None:
        for fault in batch.faults:
            self.skipped(fault)
        terms = self._learner.learn(batch.image, batch.label)
        step, end = self._learner.step, self._config.end
        self._bar.update()
        self._watch(step)
        if step % self._config.log_every == 0 or step == end:
            self._write_row(step, terms)
        due = self._validation is not None and self._validation.due(step, end)
        stop = self._interruption.requested
        if due or stop or step == end or step % self._config.checkpoint_every == 0:
            self._save()
        if stop:
            raise KeyboardInterrupt
        self._measure_if_due()

    def _write_row(self, step: int, terms: LossTerms) -> None:
        values = {k: float(v) for k, v in terms._asdict().items() if k != 'negative_energy'}
        self._bar.set_postfix({k: f'{v:.3f}' for k, v in values.items()}, refresh=False)
        synthetic = self._learner.synthetic
        if self._config.negatives is not None or synthetic is not None:
            values['negative_energy'] = self._learner.watch.mean
        if synthetic is not None:
            values |= {f'flow_{k}': v for k, v in synthetic.last._asdict().items()}
        seconds = (time.monotonic() - self._began) / (step - self._start)
        self._log.write(
            step, {**values, 'lr': self._learner.rate, 'seconds_per_step': seconds})

    def _watch(self, step: int) -> None:
        if not self._warned and self._learner.watch.ran_away:
            self._warned = True
            self._say(self._learner.watch.warning(step))

    def _save(self) -> None:
        if self._learner.step != self._saved:
            save_checkpoint(self._folder.last, self._learner.state())
            self._saved = self._learner.step

    def _measure_if_due(self) -> None:
        step, validation = self._learner.step, self._validation
        if (validation is None or step == 0 or step in self._measured.kept
                or not validation.due(step, self._config.end)):
            return
        # The state is saved by now; a signal loses nothing but this measure.
        with self._interruption.at_once():
            report = validation.measure(self._learner.evaluated)
        rule = validation.config.selection
        best = max((ValidationReport(values).selection(rule)
                    for values in self._measured.kept.values()), default=float('-inf'))
        if report.selection(rule) > best:
            save_checkpoint(self._folder.best, replace(self._learner.state(), optimizer=None))
        self._measured.write(step, report.values)
        self._bar.write(f'step {step}: ' + report.line())

    def _say(self, message: str) -> None:
        self._bar.write(message, file=sys.stderr)
        self._folder.note(message)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
