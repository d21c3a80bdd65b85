# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which file is the manifest of a model, and its JSON as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
import json
import os
from pathlib import Path
from typing import Any, NoReturn

from hybrid_perception.calibration.calibration_file import SUFFIX as CALIBRATION_SUFFIX
from hybrid_perception.exceptions import ModelError


def find_manifest(path: str | os.PathLike[str]) -> Path:
    """Find the manifest that a path means.

    Args:
        path: The manifest, the ONNX file beside it (same name, ``.json``), or a directory with
            exactly one manifest beside those that it names as its variants.

    Raises:
        ModelError: There is none, or there are several.
    """
    if not os.fspath(path):
        raise ModelError('the model path is empty; give a manifest, an ONNX file or a directory')
    given = Path(path).expanduser()
    if given.is_dir():
        return _only_model(given)
    manifest_path = given.with_suffix('.json') if given.suffix.lower() == '.onnx' else given
    if not given.exists():
        raise ModelError(f'{given} does not exist; give a manifest, an ONNX file or a directory')
    if not manifest_path.is_file():
        raise ModelError(f'{given} has no manifest: {manifest_path} is missing')
    return manifest_path


def _only_model(folder: Path) -> Path:
    manifests = [
        file for file in sorted(folder.glob('*.json'))
        if not file.name.endswith(CALIBRATION_SUFFIX)
    ]
    variants = {name for file in manifests for name in _variants_named_by(file)}
    found = [file for file in manifests if file.name not in variants]
    if len(found) != 1:
        names = ', '.join(file.name for file in found or manifests) or 'none'
        raise ModelError(
            f'{folder} must hold exactly one manifest (*.json), variants of it aside; it holds '
            f'{names}. Name the manifest itself'
        )
    return found[0]


def _variants_named_by(path: Path) -> list[str]:
    """List the files that a manifest names as its variants; what is no manifest names none."""
    with suppress(ModelError):
        document = read_json(path)
        variants = document.get('variants') if isinstance(document, Mapping) else None
        if isinstance(variants, Mapping):
            return [str(name) for name in variants.values() if name != path.name]
    return []


def read_json(path: Path) -> Any:
    """Read strict JSON: no NaN, no infinity, no field twice.

    Raises:
        ModelError: The file cannot be read or is something else.
    """
    def refuse_constant(name: str) -> NoReturn:
        raise ValueError(f'{name} is not a JSON number')

    def refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f'repeated field {max(names, key=names.count)!r}')
        return fields

    try:
        return json.loads(
            path.read_text(encoding='utf-8'),
            parse_constant=refuse_constant,
            object_pairs_hook=refuse_repeated,
        )
    except OSError as error:
        raise ModelError(f'{path} cannot be read: {error.strerror}') from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f'{path} is not a JSON manifest: {error}') from error
