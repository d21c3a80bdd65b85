# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The core's Python logging, sent to the node's logger."""

from __future__ import annotations

import logging

from rclpy.impl.rcutils_logger import RcutilsLogger

CORE = 'hybrid_perception'


class RosLogHandler(logging.Handler):
    """Handler that hands records to a ROS logger at their own level."""

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        # One call per level: rclpy ties a call site to its first severity.
        message = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(message)
        elif record.levelno >= logging.INFO:
            self._logger.info(message)
        else:
            self._logger.debug(message)


def bridge_core_logging(logger: RcutilsLogger) -> RosLogHandler:
    """Send what the core logs to `logger`; undo with `unbridge_core_logging`."""
    handler = RosLogHandler(logger)
    core = logging.getLogger(CORE)
    core.addHandler(handler)
    core.setLevel(logging.DEBUG)
    return handler


def unbridge_core_logging(handler: RosLogHandler) -> None:
    """Take the handler away again."""
    logging.getLogger(CORE).removeHandler(handler)
