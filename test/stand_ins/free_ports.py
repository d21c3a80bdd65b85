# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ports for a viewer under test."""

from __future__ import annotations

import contextlib
import socket


def free_ports() -> int:
    """Find a port that is free, and so is the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(('0.0.0.0', 0))
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                second.bind(('0.0.0.0', port + 1))
                return port
