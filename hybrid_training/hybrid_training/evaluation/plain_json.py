# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Figures as JSON that every reader takes."""

from __future__ import annotations

import json
import math
from typing import Any


def plain_json(value: Any) -> str:
    """Write figures as JSON; those that do not exist as null, infinite ones as text."""
    return json.dumps(_without_nan(value), indent=2, allow_nan=False) + '\n'


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
