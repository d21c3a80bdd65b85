# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Strict JSON, and files that appear whole or not at all."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import pytest

from hybrid_perception.exceptions import ModelError, ParameterError
from hybrid_perception.files import json_text, read_json, write_json, write_whole


@pytest.mark.parametrize(('text', 'words'), [
    ('{"a": NaN}', 'NaN is not a JSON number'),
    ('[-Infinity]', '-Infinity is not a JSON number'),
    ('{"a": 1, "b": {"c": 1, "c": 2}}', "repeated field 'c'"),
    ('{"a": 1', 'is not a menu'),
    ('', 'is not a menu'),
    ('[' * 100_000, 'is not a menu'),
])
def test_what_is_no_json_is_refused_by_name(tmp_path, text, words):
    path = tmp_path / 'menu.json'
    path.write_text(text)
    with pytest.raises(ParameterError, match=words) as caught:
        read_json(path, what='a menu', error=ParameterError)
    assert str(path) in str(caught.value)


def test_other_encodings_and_missing_files_are_named(tmp_path):
    path = tmp_path / 'latin.json'
    path.write_bytes('{"a": "ä"}'.encode('latin-1'))
    with pytest.raises(ModelError, match='utf-8'):
        read_json(path)
    with pytest.raises(ModelError, match=r'none\.json cannot be read: No such file'):
        read_json(tmp_path / 'none.json')


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / 'windows.json'
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path) == {'a': 1}


def test_a_field_that_breaks_the_schema_is_named_with_its_place(tmp_path):
    path = tmp_path / 'model.json'
    path.write_text('{"format": 1}')
    with pytest.raises(ModelError, match=r'model\.json: \$: .* is a required property'):
        read_json(path, schema='manifest.schema.json')


def test_figures_that_do_not_exist_are_null(tmp_path):
    path = tmp_path / 'figures.json'
    write_json(path, {'a': math.nan, 'b': [math.inf, (1, -math.inf)], 'c': 0.1})
    assert read_json(path) == {'a': None, 'b': ['inf', [1, '-inf']], 'c': 0.1}
    assert json.loads(json_text(math.nan)) is None


def test_a_file_is_replaced_whole_and_readable_by_all(tmp_path):
    path = tmp_path / 'note'
    write_whole(path, 'old')
    write_whole(path, 'new ä')
    assert path.read_text(encoding='utf-8') == 'new ä'
    assert path.stat().st_mode & 0o777 == 0o644
    write_whole(path, b'\x00', private=True)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'note'
    write_whole(path, 'old')

    def full(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space left'):
        write_whole(path, 'new')
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [('note', 'old')]


def test_reading_a_manifest_loads_neither_calibration_nor_metrics():
    code = ('import sys, hybrid_perception.manifest; print([name for name in sys.modules '
            'if name.startswith(("hybrid_perception.calibration", "hybrid_perception.metrics"))])')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
