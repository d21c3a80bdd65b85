# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: who trains into it, with what, and what they were told."""

from __future__ import annotations

import fcntl
import io
import json
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from hybrid_training.config import TrainingConfig
from hybrid_training.exceptions import RunFolderError


class RunFolder:
    """Holds `config.yaml`, `starts.jsonl`, `messages.log` and the run's checkpoints.

    To be used as a context, in which no other process can train into the same folder.

    Args:
        root: made where it is not there.

    Raises:
        RunFolderError: on entry where the folder cannot be made or is in use.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: io.TextIOWrapper | None = None

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.root / 'last.pt'

    @property
    def best(self) -> Path:
        """The best checkpoint by `validation.selection`."""
        return self.root / 'best.pt'

    def __enter__(self) -> RunFolder:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = (self.root / '.lock').open('w', encoding='utf-8')
        except OSError as error:
            raise self._failure(error) from error
        try:
            # Unlike flock's, this lock is not inherited by workers that outlive a killed run.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            msg = f'{self.root}: another process trains into this folder; take another --output'
            raise RunFolderError(msg) from error
        return self

    def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None,
            trace: TracebackType | None) -> None:
        if self._lock is not None:
            self._lock.close()

    def record_start(self, config: TrainingConfig, facts: dict[str, Any]) -> None:
        """Write the configuration, and append one line of JSON about this start.

        Raises:
            RunFolderError: the disk is full or the folder not writable.
        """
        values = config.model_dump(mode='json')
        try:
            part = self.root / 'config.yaml.part'
            part.write_text(yaml.safe_dump(values, sort_keys=False), encoding='utf-8')
            part.replace(self.root / 'config.yaml')
            self._append('starts.jsonl', json.dumps({**facts, 'config': values}))
        except OSError as error:
            raise self._failure(error) from error

    def note(self, message: str) -> None:
        """Append one line to `messages.log`.

        Raises:
            RunFolderError: the disk is full or the folder not writable.
        """
        try:
            self._append('messages.log', message)
        except OSError as error:
            raise self._failure(error) from error

    def _append(self, name: str, line: str) -> None:
        with (self.root / name).open('a', encoding='utf-8') as stream:
            stream.write(line + '\n')

    def _failure(self, error: OSError) -> RunFolderError:
        return RunFolderError(
            f'{error.filename or self.root}: not written ({error.strerror or error}); make room '
            'or take another --output, and start the same command again')
