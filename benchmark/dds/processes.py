# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Processes of a measurement: started, watched and always ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
import ctypes
from dataclasses import dataclass
import importlib.util
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import time

import numpy as np
from numpy.typing import NDArray

from benchmark.table import NotMeasured

ROOT = Path(__file__).resolve().parents[2]
PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'
STOP_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


def environment(**changed: str) -> dict[str, str]:
    """Return the variables of every process: a DDS domain of its own, the package's transport.

    Raises:
        NotMeasured: rclpy is not installed.
    """
    if importlib.util.find_spec('rclpy') is None:
        raise NotMeasured('rclpy is not installed: source ROS 2 or install the extra [ros]')
    return {
        **os.environ, 'ROS_DOMAIN_ID': str(random.SystemRandom().randint(1, 100)),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'PYTHONUNBUFFERED': '1',
        'PYTHONPATH': os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH')))),
        PROFILE: str(ROOT / 'config' / 'fastdds_shm.xml'), **changed}


def node_command(
    model: Path | str, *, threads: int, cameras: Sequence[str] = (),
    remaps: Mapping[str, str] | None = None, **parameters: str,
) -> list[str]:
    """Return the command of our node."""
    command = [sys.executable, '-m', 'hybrid_perception.ros.main']
    command += ['--cameras', *cameras] if cameras else []
    command += ['--ros-args', '--log-level', 'warn']
    parameters = {'model_path': str(model), 'backend': 'onnxruntime',
                  'num_threads': str(threads), **parameters}
    for name, value in parameters.items():
        command += ['-p', f'{name}:={value}']
    for name, value in (remaps or {}).items():
        command += ['-r', f'{name}:={value}']
    return command


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command of a module of this package."""
    return [sys.executable, '-m', f'benchmark.dds.{module}', *arguments]


@dataclass(frozen=True)
class Usage:
    """What a process used so far: CPU seconds of all its threads, and resident MB now."""

    cpu: float
    resident: float


class Process:
    """A child process."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open('wb') as output:   # else a later case reads the words of an earlier one
            self._child = subprocess.Popen(
                command, env=dict(variables), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, preexec_fn=_end_with_parent)

    def usage(self) -> Usage:
        """Read /proc."""
        fields = Path(f'/proc/{self._child.pid}/stat').read_text().rpartition(')')[2].split()
        ticks, page = os.sysconf('SC_CLK_TCK'), os.sysconf('SC_PAGE_SIZE')
        return Usage((int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * page / 2**20)

    def wait(self, seconds: float) -> str:
        """Wait for its end; return what it printed.

        Raises:
            RuntimeError: it failed, or took too long.
        """
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f'not done after {seconds:.0f} s: {self.output}') from error
        if code:
            raise RuntimeError(f'exit code {code}: {self.output}')
        return self.output

    @property
    def output(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(encoding='utf-8', errors='replace')[-2000:]

    def stop(self) -> None:
        """Interrupt it; kill what does not obey."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
            try:
                self._child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()


def _end_with_parent() -> None:
    """Have the system end this process when its parent is killed.

    What is left over answers a later measurement that meets it in the same DDS domain.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def running(
    commands: Mapping[str, Sequence[str]], variables: Mapping[str, str], folder: Path
) -> Iterator[dict[str, Process]]:
    """Run processes by name for the length of a `with` block; their logs go to `folder`."""
    started: dict[str, Process] = {}
    try:
        for name, command in commands.items():
            started[name] = Process(command, variables, folder / f'{name}.log')
        yield started
    finally:
        for process in reversed(started.values()):
            process.stop()


@dataclass(frozen=True)
class Received:
    """What a reader noted, in the order of arrival: topic, receipt and age of each message.

    Attributes:
        topic: (N,) int64, place in the reader's list.
        received: (N,) float64, s.
        age: (N,) float64, s, receipt minus stamp.
    """

    topic: NDArray[np.int64]
    received: NDArray[np.float64]
    age: NDArray[np.float64]

    def of(self, *topics: int) -> Received:
        """Return the messages of some topics."""
        chosen = np.isin(self.topic, topics)
        return Received(self.topic[chosen], self.received[chosen], self.age[chosen])

    def __len__(self) -> int:
        return len(self.topic)


def read_log(path: Path) -> Received:
    """Read the CSV of a reader."""
    rows = [line.split(',') for line in path.read_text(encoding='ascii').splitlines()
            if line.count(',') == 2]
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Received(table[:, 0], table[:, 1] / 1e9, table[:, 2] / 1e9)


def read_times(path: Path, topics: int) -> list[list[float]]:
    """Read the CSV of a reader of times, ms, for each topic."""
    values: list[list[float]] = [[] for _ in range(topics)]
    for line in path.read_text(encoding='ascii').splitlines():
        number, _, value = line.partition(',')
        values[int(number)].append(float(value))
    return values


def wait_for_lines(path: Path, count: int, process: Process, seconds: float = 60.0) -> None:
    """Wait until a reader has noted so many messages.

    Raises:
        RuntimeError: it did not in time.
    """
    end = time.monotonic() + seconds
    while not path.is_file() or len(path.read_bytes().splitlines()) < count:
        if time.monotonic() > end:
            raise RuntimeError(f'no answer within {seconds:.0f} s; the node said: '
                               f'{process.output}')
        time.sleep(0.05)
