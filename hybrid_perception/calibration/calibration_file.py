# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Operating points of one's own, in a file beside the manifest of the model."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
import json
import logging
from pathlib import Path
import re
from typing import Any

import jsonschema

from hybrid_perception.calibration.drift_table import DriftReference
from hybrid_perception.exceptions import ModelError, ParameterError

SUFFIX = '.calibration.json'
_NAME = re.compile(r'[A-Za-z0-9_-]+')
_LOGGER = logging.getLogger(__name__)


def calibration_path(manifest: Path, name: str) -> Path:
    """Name the file of a calibration: street.json and mine give street.mine.calibration.json.

    Raises:
        ParameterError: The name has other signs than letters, digits, - and _.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"the calibration's name is '{name}'; use letters, digits, '-' and '_'")
    return manifest.with_name(f'{manifest.stem}.{name}{SUFFIX}')


def write_calibration(manifest: Path, document: Mapping[str, Any]) -> Path:
    """Check a calibration and write it beside the manifest, whole or not at all.

    Raises:
        ParameterError: Its name cannot be a file's, or the file cannot be written.
        ModelError: A field is wrong.
    """
    path = calibration_path(manifest, str(document.get('name')))
    text = json.dumps(document, indent=1, allow_nan=False) + '\n'
    _check(path, json.loads(text))
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        temporary.write_text(text, encoding='utf-8')
        temporary.replace(path)
    except OSError as error:
        raise ParameterError(f'{path} cannot be written: {error.strerror}') from error
    return path


def load_calibrated_points(manifest: Path, sha256: str) -> dict[str, dict[str, Any]]:
    """Read the operating points of every calibration beside a manifest.

    A calibration of another model is passed over with a warning: the model was replaced.

    Args:
        manifest: the manifest's file.
        sha256: hash of the model.

    Returns:
        The fields of each operating point by its name, which begins with the calibration's.

    Raises:
        ModelError: A file cannot be read, or a field is wrong.
    """
    points: dict[str, dict[str, Any]] = {}
    for path in sorted(manifest.parent.glob(f'*{SUFFIX}')):
        stem, _, name = path.name.removesuffix(SUFFIX).rpartition('.')
        if stem != manifest.stem or not _NAME.fullmatch(name):
            continue   # of another model in this folder
        document = _read(path)
        if document['model_sha256'] != sha256:
            _LOGGER.warning('%s was made for another model and is not used; calibrate again', path)
            continue
        points.update(document['operating_points'])
    return points


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
    document = _read(path)
    if document['model_sha256'] != sha256 or 'drift' not in document:
        return None
    fields = document['drift']
    if len(fields['edges']) != len(fields['shares']):
        raise ModelError(f'{path}: drift.edges and drift.shares must be of one length')
    return DriftReference(**{
        **fields, 'name': name, 'edges': tuple(fields['edges']),
        'shares': tuple(fields['shares'])})


def _read(path: Path) -> Any:
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ModelError(f'{path} is not a calibration: {error}; mend or remove it') from error
    _check(path, document)
    return document


def _check(path: Path, document: Any) -> None:
    text = files('hybrid_perception').joinpath('calibration.schema.json').read_text('utf-8')
    validator = jsonschema.Draft7Validator(json.loads(text))
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        place = '.'.join(map(str, error.absolute_path)) or 'the document'
        raise ModelError(f'{path}: {place}: {error.message[:200]}')
    prefix = f'{document["name"]}/'
    for name in document['operating_points']:
        if not name.startswith(prefix):
            raise ModelError(f"{path}: operating point '{name}' must begin with '{prefix}'")
