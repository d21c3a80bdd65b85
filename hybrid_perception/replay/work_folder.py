# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a killed replay left behind, and the folder that the next one works in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
import json
from pathlib import Path
import shutil
from typing import Any

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.files import json_text, read_json, write_json
from hybrid_perception.replay.bag_reader import BagReader
from hybrid_perception.replay.mcap_file import complete_size, finish, is_truncated
from hybrid_perception.replay.message import Message

_SETTINGS, _SKIPPED = 'settings.json', 'skipped.jsonl'


class WorkFolder:
    """The folder beside the output in which it grows; each attempt has a subfolder.

    MCAP files cannot be appended to safely, so a resumed run copies the complete frames of the
    attempt that got farthest into a new file and goes on from there. Nothing is deleted before
    the copy is farther than its source.
    """

    def __init__(self, output: Path, settings: Mapping[str, Any], *, restart: bool) -> None:
        """Begin anew, or take up what is there.

        Args:
            output: the bag to be written; the folder is named after it.
            settings: all that the output depends on, as JSON types.
            restart: throw away what is there.

        Raises:
            ParameterError: What is there was made with other settings, or by somebody else.
        """
        self.path = output.with_name(f'{output.name}.part')
        self._name = output.name.removesuffix('.mcap')
        if (self.path.exists() and not (self.path / _SETTINGS).is_file()
                and (not self.path.is_dir() or any(self.path.iterdir()))):
            raise ParameterError(
                f'{self.path} exists and is no unfinished run of hybrid-perception; move it, or '
                'name another output')
        if restart and self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._check(settings)
        self._kept = self._farthest()
        for attempt in self._attempts():
            if attempt != self._kept:
                shutil.rmtree(attempt)
        number = max((int(folder.name) for folder in self._attempts()), default=0) + 1
        self._attempt = self.path / str(number)
        self._attempt.mkdir()
        self.skipped_before = _read_skipped(self._kept) if self._kept else {}
        self._journal = (self._attempt / _SKIPPED).open('a', encoding='utf-8')

    @property
    def bag(self) -> Path:
        """The folder of this attempt's bag."""
        return self._attempt / self._name

    @property
    def resumes(self) -> bool:
        """Whether there is something to go on from."""
        return self._kept is not None

    def kept_frames(self, messages_per_frame: int) -> Iterator[list[Message]]:
        """Read the complete frames of the attempt that got farthest."""
        if self._kept is None:
            return
        with BagReader(self._file(self._kept)) as reader:
            messages: list[Message] = []
            for record in reader.records():
                messages.append((record.topic, record.log_time, record.content))
                if len(messages) == messages_per_frame:
                    yield messages
                    messages = []

    def note_skipped(self, index: int, reason: str) -> None:
        """Remember a frame that has no messages, before any later frame is written."""
        self._journal.write(json.dumps([index, reason]) + '\n')
        self._journal.flush()

    def publish(self, output: Path) -> None:
        """Put the finished bag in its place and remove this folder."""
        self._journal.close()
        if output.suffix == '.mcap':
            self._file(self._attempt).replace(output)
        elif output.exists():
            # A folder cannot take the place of another one: the old bag is moved aside, and
            # goes with this folder.
            output.replace(self.path / 'replaced')
            self.bag.replace(output)
        else:
            self.bag.replace(output)
        shutil.rmtree(self.path)

    def keep(self) -> Path:
        """End what was written so far, so that every reader opens it; return the longest file."""
        self._journal.close()
        for attempt in self._attempts():
            file = self._file(attempt)
            with suppress(OSError):   # it is read as it is, then
                if is_truncated(file):
                    finish(file)
        return self._file(self._farthest() or self._attempt)

    def _file(self, attempt: Path) -> Path:
        return attempt / self._name / f'{self._name}.mcap'

    def _attempts(self) -> list[Path]:
        return [path for path in self.path.iterdir() if path.name.isdigit()]

    def _farthest(self) -> Path | None:
        begun = [path for path in self._attempts() if self._file(path).exists()]
        return max(begun, key=lambda path: complete_size(self._file(path)), default=None)

    def _check(self, settings: Mapping[str, Any]) -> None:
        file = self.path / _SETTINGS
        if not file.exists():
            write_json(file, settings)
            return
        before = read_json(file, error=ParameterError)
        now = json.loads(json_text(settings))
        if before != now:
            changed = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
            raise ParameterError(
                f'{self.path} holds an unfinished run with another {", ".join(changed)}; run with '
                'the same settings to go on, or with --restart to begin anew')


def _read_skipped(attempt: Path) -> dict[int, str]:
    skipped = {}
    for line in (attempt / _SKIPPED).read_text(encoding='utf-8').splitlines():
        with suppress(ValueError):   # a line that the kill cut short belongs to no later frame
            index, reason = json.loads(line)
            skipped[int(index)] = str(reason)
    return skipped
