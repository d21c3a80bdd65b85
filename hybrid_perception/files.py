# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Files of ours: JSON read and written strictly, and files that appear whole or not at all."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
import json
import math
import os
from pathlib import Path
import tempfile
from typing import Any, NoReturn

import jsonschema

from hybrid_perception.exceptions import ModelError

_LONGEST = 200


def read_json(
    path: Path, *, schema: str | None = None, what: str = 'JSON',
    error: type[Exception] = ModelError,
) -> Any:
    """Read strict JSON: no NaN, no infinity, no field twice; a byte order mark is passed over.

    Args:
        path: The file.
        schema: What it must be, the name of a schema in this package.
        what: What the file should be, for the error.
        error: Type of the errors.

    Raises:
        error: The file cannot be read or is something else; the message names file and field.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except OSError as reason:
        raise error(f'{path} cannot be read: {reason.strerror}') from reason
    except ValueError as reason:
        raise error(f'{path} is not {what}: {reason}') from reason
    try:
        document = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated)
    except (ValueError, RecursionError) as reason:
        raise error(f'{path} is not {what}: {reason}') from reason
    if schema is not None:
        check_schema(document, schema, path, error=error)
    return document


def check_schema(
    document: Any, schema: str, path: Path, *, error: type[Exception] = ModelError
) -> None:
    """Hold a document against a schema of this package.

    Raises:
        error: A field is wrong; the message names file and field.
    """
    fault = jsonschema.exceptions.best_match(_validator(schema).iter_errors(document))
    if fault is not None:
        message = fault.message
        if len(message) > _LONGEST:
            message = message[:_LONGEST] + ' ...'
        raise error(f'{path}: {_place(fault.absolute_path)}: {message}')


def json_text(document: Any, *, indent: int | None = 2) -> str:
    """Write JSON that every reader takes: NaN becomes null, an infinity its name.

    Raises:
        TypeError: Something in it is no JSON.
    """
    return json.dumps(_finite(document), indent=indent, allow_nan=False) + '\n'


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file, whole or not at all; see `json_text`.

    Raises:
        OSError: The file cannot be written.
        TypeError: Something in it is no JSON.
    """
    write_whole(path, json_text(document))


def write_whole(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file that appears whole or not at all, also when the power fails.

    Args:
        path: The file; one that is there is replaced.
        content: What is in it; text as UTF-8.
        private: Whether its owner alone may read it.

    Raises:
        OSError: The directory is missing, read-only or full.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(descriptor, 'wb') as stream:
            stream.write(content.encode('utf-8') if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        if not private:
            os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f'{name} is not a JSON number')


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f'repeated field {max(names, key=names.count)!r}')
    return fields


@cache
def _validator(schema: str) -> Any:
    text = files('hybrid_perception').joinpath(schema).read_text(encoding='utf-8')
    # Draft 7 is what the jsonschema of Ubuntu 22.04 knows.
    return jsonschema.Draft7Validator(json.loads(text))


def _place(keys: Any) -> str:
    return '$' + ''.join(f'[{key}]' if isinstance(key, int) else f'.{key}' for key in keys)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
