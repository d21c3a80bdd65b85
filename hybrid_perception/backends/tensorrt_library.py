# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The TensorRT package, imported late: TensorRT 10.3 and later, or TensorRT for RTX.

Only calls that 10.3, 10.16, 11.4 and RTX 1.7 share are used; a test compares every one with the
real bindings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
import importlib
import logging
import re
from typing import Any

from hybrid_perception.exceptions import EngineError

PACKAGES = ('tensorrt', 'tensorrt_rtx')
"""In the order in which they are tried."""

FLOOR = (10, 3)
"""Oldest TensorRT; older ones lack what a strongly typed build needs."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class TensorRt:
    """An imported TensorRT.

    Attributes:
        trt: The module.
        package: Its name.
        version: Its full version.
        logger: Where it reports to; `errors` keeps the newest ones. TensorRT honours the first
            logger of a process only, so there is one.
    """

    trt: Any
    package: str
    version: str
    logger: Any

    @contextmanager
    def making(self, what: str) -> Iterator[None]:
        """Turn what the bindings raise while they make an object into an error that helps.

        They raise a TypeError ("factory function returned nullptr") where the library gives
        nothing, which it does where the driver is too old for it.

        Raises:
            EngineError: The object was not made.
        """
        try:
            yield
        except Exception as error:
            raise EngineError(self.complain(
                f'TensorRT cannot make its {what} ({error}); is the NVIDIA driver recent enough '
                'for this TensorRT? Update the driver, or install an older TensorRT')) from error

    @property
    def name(self) -> str:
        """Return package and version."""
        return f'{self.package} {self.version}'

    def complain(self, what: str) -> str:
        """Return a message with what TensorRT itself said since the last one."""
        said = '; '.join(self.logger.errors)
        self.logger.errors.clear()
        return f'{what} ({self.name}: {said or "no reason given"})'


def load_tensorrt() -> TensorRt:
    """Import TensorRT.

    Raises:
        EngineError: No package can be imported, or it is too old.
    """
    problems = []
    for package in PACKAGES:
        try:
            trt = importlib.import_module(package)
        # A package whose libraries are missing may fail in any way.
        except Exception as error:
            problems.append(f'{package}: {error}')
            continue
        version = str(trt.__version__)
        if package == 'tensorrt' and _release(version) < FLOOR:
            raise EngineError(
                f'TensorRT {version} is too old; {FLOOR[0]}.{FLOOR[1]} or later is needed '
                '(JetPack 6.1 or later on a Jetson)'
            )
        return TensorRt(trt, package, version, make_logger(trt))
    raise EngineError(
        f'TensorRT cannot be imported ({"; ".join(problems)}); on a Jetson it comes with JetPack, '
        "elsewhere: pip install 'tensorrt>=10.3,<12'"
    )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r'\d+', version)[:2])


@cache
def make_logger(trt: Any) -> Any:
    """Make the logger of a TensorRT module: errors are kept, and all goes to Python's logging."""
    errors = (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR)
    warning, verbose = trt.ILogger.Severity.WARNING, trt.ILogger.Severity.VERBOSE

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=4)

        def log(self, severity: Any, msg: str) -> None:
            if severity in errors:
                # A warning only: the call that failed raises an error with these words.
                self.errors.append(msg.strip())
            if severity != verbose:
                level = logging.WARNING if severity in (*errors, warning) else logging.DEBUG
                _LOGGER.log(level, 'TensorRT: %s', msg.strip())

    return Logger()
