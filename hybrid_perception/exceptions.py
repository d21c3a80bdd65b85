# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Errors that the package raises on purpose.

Every message says what came, what would be right and what to do about it.
"""

from __future__ import annotations


class HybridPerceptionError(Exception):
    """Base of all errors that this package raises on purpose."""


class ModelError(HybridPerceptionError):
    """A model file or its manifest is missing, damaged or inconsistent."""


class EngineError(HybridPerceptionError):
    """An inference engine is not available or failed while running."""


class BadAnswerError(EngineError):
    """An inference engine ran, and what it gave cannot be right."""


class EncodingError(HybridPerceptionError):
    """Image bytes do not fit their declared encoding, or the encoding is not supported."""


class ParameterError(HybridPerceptionError):
    """A parameter or argument has a value that cannot work."""
