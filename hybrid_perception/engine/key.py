# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What an engine was built from and for: any change makes another engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
import json
import platform

from hybrid_perception.backends.cuda import Gpu
from hybrid_perception.manifest import Manifest

CACHE_FORMAT = 2
"""Raised when the content of a cached engine or of its sidecar changes its meaning."""


@dataclass(frozen=True)
class EngineKey:
    """The parts that decide which engine fits.

    Attributes:
        parts: Values by name, JSON strings; kept in clear in the sidecar, for people.
    """

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Return SHA-256 over all parts, lower-case hexadecimal."""
        text = json.dumps(dict(self.parts), sort_keys=True)
        return hashlib.sha256(text.encode('utf-8')).hexdigest()

    @property
    def stem(self) -> str:
        """Return the name of the engine's files without their suffix."""
        return self.digest[:16]

    def changes(self, other: EngineKey) -> list[str]:
        """Say in words how this key differs from another one, part by part."""
        names = sorted(set(self.parts) | set(other.parts))
        return [
            f'{name} was {other.parts.get(name, "not recorded")}, '
            f'is {self.parts.get(name, "not recorded")}'
            for name in names if self.parts.get(name) != other.parts.get(name)
        ]


def engine_key(
    manifest: Manifest, gpu: Gpu, *, tensorrt: str, options: Mapping[str, object]
) -> EngineKey:
    """Collect the parts for a model on this machine.

    Args:
        manifest: The model; its SHA-256 has been compared with the ONNX file.
        gpu: The GPU that will run the engine.
        tensorrt: Package and full version.
        options: What the builder is told.
    """
    height, width = manifest.input_size
    return EngineKey({
        'cache format': str(CACHE_FORMAT),
        'onnx sha256': manifest.sha256,
        'tensorrt': tensorrt,
        'cuda driver': gpu.driver,
        'gpu': gpu.name,
        # An Orin has one name in several sizes, and fewer of these in some power modes.
        'multiprocessors': str(gpu.multiprocessors),
        'compute capability': gpu.compute_capability,
        'platform': f'{platform.system()} {platform.machine()}',
        'shapes': f'{manifest.input_name} 1x{height}x{width}x3',
        'options': json.dumps(dict(options), sort_keys=True),
    })
