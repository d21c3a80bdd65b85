# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Operating points of one's own, in a file beside the manifest of the model."""

from __future__ import annotations

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from hybrid_perception.calibration.drift_table import DriftReference
from hybrid_perception.exceptions import ModelError, ParameterError
from hybrid_perception.files import write_json
from hybrid_perception.manifest import (
    CALIBRATION_NAME,
    CALIBRATION_SUFFIX,
    check_calibration,
    read_calibration,
)


def calibration_path(manifest: Path, name: str) -> Path:
    """Name the file of a calibration: street.json and mine give street.mine.calibration.json.

    Raises:
        ParameterError: The name has other signs than letters, digits, - and _.
    """
    if not CALIBRATION_NAME.fullmatch(name):
        raise ParameterError(
            f"the calibration's name is '{name}'; use letters, digits, '-' and '_'")
    return manifest.with_name(f'{manifest.stem}.{name}{CALIBRATION_SUFFIX}')


def write_calibration(manifest: Path, document: Mapping[str, Any]) -> Path:
    """Check a calibration and write it beside the manifest, whole or not at all.

    Raises:
        ParameterError: Its name cannot be a file's, or the file cannot be written.
        ModelError: A field is wrong.
    """
    path = calibration_path(manifest, str(document.get('name')))
    # What is read is what is checked: tuples become lists, and NaN has no place in it.
    check_calibration(json.loads(json.dumps(document, allow_nan=False)), path)
    try:
        write_json(path, document)
    except OSError as error:
        raise ParameterError(f'{path} cannot be written: {error.strerror}') from error
    return path


def load_drift_reference(manifest: Path, sha256: str, name: str) -> DriftReference | None:
    """Read what a calibration says on the looks of its drive.

    Args:
        manifest: the manifest's file.
        sha256: hash of the model.
        name: of the calibration.

    Returns:
        None where there is no such calibration of this model, or where it does not say it.

    Raises:
        ModelError: The file cannot be read, or a field is wrong.
    """
    path = calibration_path(manifest, name)
    if not path.is_file():
        return None
    document = read_calibration(path)
    if document['model_sha256'] != sha256 or 'drift' not in document:
        return None
    fields = document['drift']
    if len(fields['edges']) != len(fields['shares']):
        raise ModelError(f'{path}: drift.edges and drift.shares must be of one length')
    return DriftReference(**{
        **fields, 'name': name, 'edges': tuple(fields['edges']),
        'shares': tuple(fields['shares'])})
