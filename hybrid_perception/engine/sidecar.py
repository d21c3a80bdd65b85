# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The JSON file beside a cached engine: what it was built from, for people and for checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hybrid_perception.engine.key import EngineKey
from hybrid_perception.files import json_text, read_json


@dataclass(frozen=True)
class Sidecar:
    """What is known about a cached engine.

    Attributes:
        model: Name of the model.
        key: What it was built from and for.
        plan_sha256: SHA-256 of the plan; empty where the parity check refused it, so that no
            plan was kept.
        plan_bytes: Size of the plan.
        built_at: UTC, ISO 8601.
        build_seconds: Time that the build took.
        parity: Result of the comparison with the CPU.
        tools: Versions of what built it.
    """

    model: str
    key: EngineKey
    plan_sha256: str
    plan_bytes: int
    built_at: str
    build_seconds: float
    parity: Mapping[str, Any]
    tools: Mapping[str, str]

    @property
    def refused(self) -> bool:
        """Return whether the engine differed too much from the CPU to be used."""
        return not self.plan_sha256

    def to_json(self) -> bytes:
        """Return the content of the file."""
        return json_text(asdict(self)).encode('utf-8')


def read_sidecar(path: Path) -> Sidecar | None:
    """Read a sidecar; None where it is missing, damaged or not one of ours."""
    try:
        document = read_json(path, error=ValueError)
        parts = document['key']['parts']
        return Sidecar(
            model=str(document['model']),
            key=EngineKey({str(name): str(value) for name, value in parts.items()}),
            plan_sha256=str(document['plan_sha256']),
            plan_bytes=int(document['plan_bytes']),
            built_at=str(document['built_at']),
            build_seconds=float(document['build_seconds']),
            parity=dict(document['parity']),
            tools=dict(document['tools']),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
