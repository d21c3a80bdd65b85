# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of the training package."""


class HybridTrainingError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(HybridTrainingError):
    """A configuration cannot be used."""


class NetworkError(HybridTrainingError):
    """A network cannot be built, or weights do not fit it."""


class CheckpointError(HybridTrainingError):
    """A checkpoint cannot be written, read, or does not fit."""


class DataError(HybridTrainingError):
    """Training data cannot be read, or make no sense."""


class RunFolderError(HybridTrainingError):
    """A run folder cannot be written, or another process trains into it."""


class DivergedError(HybridTrainingError):
    """The loss is no longer a finite number."""


class ExportError(HybridTrainingError):
    """A model cannot be exported, or the exported graph does not agree with it."""
