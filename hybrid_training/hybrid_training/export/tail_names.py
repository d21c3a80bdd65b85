# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the tails, apart from `tail`: the command line's help must not import PyTorch."""

from __future__ import annotations

TAIL_NAMES = (
    'phase', 'phase-shifted', 'phase-logsumexp', 'half', 'nearest', 'resize', 'naive')
DEFAULT_TAIL = 'phase'
