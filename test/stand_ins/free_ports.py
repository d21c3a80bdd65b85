# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ports for a viewer under test."""

from __future__ import annotations

import contextlib
import random
import socket


def free_ports() -> int:
    """Find a port that is free, and so is the next one.

    Below those that the kernel deals out to connections: one of these may be taken again before
    the viewer has started.
    """
    while True:
        port = random.randrange(12_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(('0.0.0.0', port))
            second.bind(('0.0.0.0', port + 1))
            return port
