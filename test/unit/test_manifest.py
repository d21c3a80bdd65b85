# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Manifests: what is read, what is written, and every way to be wrong."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
import shutil
import stat

import pytest

from hybrid_perception.exceptions import ModelError, ParameterError
from hybrid_perception.manifest import hash_file, load_manifest, write_manifest


@pytest.fixture
def document(tiny_model: Path) -> dict:
    return json.loads(tiny_model.read_text())


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_fields(tiny_model):
    manifest = load_manifest(tiny_model)
    assert manifest.name == 'tiny'
    assert manifest.input_size == (32, 64)
    assert (manifest.input_name, manifest.label_name, manifest.score_name) == (
        'image', 'label', 'anomaly_score')
    assert manifest.onnx_path == tiny_model.with_suffix('.onnx')
    assert manifest.sha256 == hash_file(manifest.onnx_path)
    assert manifest.class_map.names == ('red', 'green', 'blue')
    assert manifest.class_map.colors[2] == (0, 0, 200)
    assert manifest.class_map.unknown_id == 3
    assert manifest.operating_points['middle'].fpr == 0.01
    assert manifest.operating_points['high'].tpr is None
    assert manifest.provenance == {'licence': 'Apache-2.0'}


def test_thresholds_by_name(tiny_model):
    manifest = load_manifest(tiny_model)
    assert manifest.threshold() == manifest.threshold('') == manifest.threshold('middle') == 50.0
    assert manifest.threshold('high') == 100.5
    with pytest.raises(ParameterError, match=r"'low' is not in .*tiny\.json; it has middle, high"):
        manifest.threshold('low')


@pytest.mark.parametrize(('points', 'expected'), [
    # Two decades of false positives over 30.
    ({'a': (-40, 'x', 0.1), 'b': (-10, 'x', 0.001), 'c': (-25, 'x', 0.01)}, 15),
    # Others' data, and a point without a rate, say nothing of it.
    ({'a': (-40, 'x', 0.1), 'b': (-30, 'x', 0.01), 'c': (0, 'y', 0.001), 'd': (9, 'x', None),
      'e': (10, 'x', 0)}, 10),
    ({'a': (-40, 'x', 0.1)}, 5),
    ({'a': (-40, 'x', 0.1), 'b': (-30, 'y', 0.01)}, 5),
    ({'a': (-40, 'x', 0.1), 'b': (-30, 'x', 0.2)}, 5),
    ({'a': (-40, 'x', 0.1), 'b': (-40, 'x', 0.01)}, 5),
])
def test_confidence_is_measured_by_the_spread_of_the_scores(make_tiny_model, points, expected):
    manifest = load_manifest(make_tiny_model(default_operating_point='a', operating_points={
        name: {'threshold': threshold, 'target': 't', 'data': data, 'fpr': fpr}
        for name, (threshold, data, fpr) in points.items()}))
    assert manifest.confidence_range == pytest.approx(expected)


def test_the_shipped_model_tells_the_spread_of_its_scores():
    shipped = load_manifest(Path(__file__).resolve().parents[2] / 'models')
    points = shipped.operating_points
    assert shipped.confidence_range == pytest.approx(
        points['fpr0.1'].threshold - points['fpr1'].threshold, rel=0.1)


def test_a_model_is_found_by_manifest_onnx_or_directory(tiny_model, monkeypatch):
    names = {
        load_manifest(path).path
        for path in (tiny_model, str(tiny_model), tiny_model.with_suffix('.onnx'),
                     tiny_model.parent)
    }
    assert names == {tiny_model}
    monkeypatch.setenv('HOME', str(tiny_model.parent))
    assert load_manifest('~/tiny.json').path == tiny_model


def test_wrong_paths_are_named(tiny_model, make_tiny_model, tmp_path):
    with pytest.raises(ModelError, match='empty'):
        load_manifest('')
    with pytest.raises(ModelError, match=r'nowhere\.json does not exist'):
        load_manifest(tmp_path / 'nowhere.json')
    alone = tmp_path / 'alone.onnx'
    alone.touch()
    with pytest.raises(ModelError, match=r'alone\.json is missing'):
        load_manifest(alone)
    make_tiny_model(name='second')
    with pytest.raises(ModelError, match=r'second\.json, tiny\.json'):
        load_manifest(tmp_path)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ModelError, match='holds none'):
        load_manifest(tmp_path / 'empty')


def test_a_missing_or_changed_onnx_file_is_named(tiny_model):
    onnx_path = tiny_model.with_suffix('.onnx')
    with onnx_path.open('ab') as stream:
        stream.write(b'x')
    with pytest.raises(ModelError, match=r'tiny\.json: \$\.sha256 is .* but tiny\.onnx has'):
        load_manifest(tiny_model)
    assert load_manifest(tiny_model, verify_hash=False).name == 'tiny'
    onnx_path.unlink()
    with pytest.raises(ModelError, match=r"\$\.file names 'tiny\.onnx'"):
        load_manifest(tiny_model, verify_hash=False)


def change(document: dict, path: str, value: object) -> dict:
    """Set the field at a dotted path, or delete it where the value is ``...``."""
    changed = copy.deepcopy(document)
    *parents, last = [int(key) if key.isdigit() else key for key in path.split('.')]
    place = changed
    for key in parents:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return changed


@pytest.mark.parametrize(('path', 'value', 'message'), [
    ('format', 2, r'\$\.format'),
    ('format', ..., "'format' is a required"),
    ('name', '', r'\$\.name'),
    ('file', '../other.onnx', r'\$\.file'),
    ('file', '/etc/passwd', r'\$\.file'),
    ('file', 7, r'\$\.file'),
    ('sha256', 'ABC', r'\$\.sha256'),
    ('input.height', 0, r'\$\.input\.height'),
    ('input.height', 10**9, r'\$\.input\.height'),
    ('input.width', '64', r'\$\.input\.width'),
    ('input.width', True, r'\$\.input\.width'),
    ('input.color', 'bgr', r'\$\.input\.color'),
    ('input.colour', 'rgb', r"\$\.input: .*'colour' was unexpected"),
    ('outputs.label', ..., r"\$\.outputs: 'label' is a required"),
    ('outputs', [], r'\$\.outputs'),
    ('classes', [], r'\$\.classes'),
    ('classes.1', 'green', r'\$\.classes\[1\]'),
    ('classes.1.id', 2, r'\$\.classes\[1\]\.id is 2; ids must be 0\.\.2'),
    ('classes.1.color', [1, 2], r'\$\.classes\[1\]\.color'),
    ('classes.1.color', [1, 2, 256], r'\$\.classes\[1\]\.color\[2\]'),
    ('unknown.id', 19, r'\$\.unknown\.id is 19; it must be 3'),
    ('operating_points', {}, r'\$\.operating_points'),
    ('operating_points.middle.threshold', None, r'\$\.operating_points\.middle\.threshold'),
    ('operating_points.middle.threshold', 1e300, r'\$\.operating_points\.middle\.threshold'),
    ('operating_points.middle.fpr', 1.5, r'\$\.operating_points\.middle\.fpr'),
    ('default_operating_point', 'tpr95', r"'tpr95'; \$\.operating_points has middle, high"),
    ('precision', 'fp8', r'\$\.precision'),
    ('provenance', 'mine', r'\$\.provenance'),
    ('surprise', 1, r"\$: .*'surprise' was unexpected"),
])
def test_a_wrong_field_is_named_when_read_and_when_written(tiny_model, document, path, value,
                                                          message):
    changed = change(document, path, value)
    write(tiny_model, changed)
    with pytest.raises(ModelError, match=message) as caught:
        load_manifest(tiny_model)
    assert 'tiny.json' in str(caught.value)
    if path not in ('sha256', 'file'):
        before = tiny_model.read_bytes()
        with pytest.raises(ModelError, match=message):
            write_manifest(tiny_model, changed)
        assert tiny_model.read_bytes() == before


@pytest.mark.parametrize(('content', 'message'), [
    (b'', 'not a JSON manifest'),
    (b'{', 'not a JSON manifest'),
    (b'\xff\xfe\x00', 'not a JSON manifest'),
    (b'[' * 100_000, 'not a JSON manifest'),
    (b'{"format": NaN}', 'NaN is not a JSON number'),
    (b'{"format": 1, "format": 1}', "repeated field 'format'"),
    (b'[]', r'\$: \[\] is not of type'),
    (b'null', r'\$: None is not of type'),
    (b'format: 1', 'not a JSON manifest'),
])
def test_garbled_files_are_named(tiny_model, content, message):
    tiny_model.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        load_manifest(tiny_model)
    assert 'tiny.json' in str(caught.value)


def test_infinite_thresholds_are_refused(tiny_model):
    text = tiny_model.read_text().replace('100.5', '1e999')
    tiny_model.write_text(text)
    with pytest.raises(ModelError, match=r'\$\.operating_points\.high\.threshold'):
        load_manifest(tiny_model)


def test_whole_numbers_written_as_floats_work(tiny_model, document):
    write(tiny_model, change(change(document, 'input.height', 32.0), 'unknown.id', 3.0))
    manifest = load_manifest(tiny_model)
    assert manifest.input_size == (32, 64)
    assert isinstance(manifest.input_size[0], int)
    assert isinstance(manifest.class_map.unknown_id, int)


def test_written_manifests_are_read_back_and_hashed(tiny_model, document, tmp_path):
    shutil.copy(tiny_model.with_suffix('.onnx'), tmp_path / 'other.onnx')
    target = tmp_path / 'other.json'
    written = write_manifest(target, {**document, 'file': 'other.onnx', 'sha256': 'stale'})
    assert written == load_manifest(target)
    assert stat.S_IMODE(os.stat(target).st_mode) == 0o644
    assert {path.name for path in tmp_path.iterdir()} == {
        'tiny.json', 'tiny.onnx', 'other.json', 'other.onnx'}


def test_a_manifest_without_its_onnx_file_is_not_written(tmp_path, document):
    with pytest.raises(ModelError, match=r'\$\.file must name an ONNX file'):
        write_manifest(tmp_path / 'new.json', {**document, 'file': 'new.onnx'})
    assert not (tmp_path / 'new.json').exists()


def test_numbers_that_json_lacks_are_not_written(tiny_model, document):
    with pytest.raises(ModelError, match='not writable as JSON'):
        write_manifest(tiny_model, {**document, 'metrics': {'miou': float('nan')}})


@pytest.fixture
def family(make_tiny_model) -> Path:
    """Write a model with two variants; give the path of the manifest that names them."""
    for precision in ('fp16', 'int8'):
        make_tiny_model(name=f'tiny.{precision}', precision=precision)
    return make_tiny_model(variants={'fp16': 'tiny.fp16.json', 'int8': 'tiny.int8.json'})


def test_a_folder_with_variants_is_one_model(family):
    manifest = load_manifest(family.parent)
    assert manifest.path == family
    assert manifest.variants == {
        'fp16': family.with_name('tiny.fp16.json'), 'int8': family.with_name('tiny.int8.json')}


@pytest.mark.parametrize(('precision', 'name'), [
    ('auto', 'tiny'), ('fp32', 'tiny'), ('fp16', 'tiny.fp16'), ('int8', 'tiny.int8')])
def test_the_precision_chooses_the_variant(family, precision, name):
    manifest = load_manifest(family.parent, precision=precision)
    assert (manifest.name, manifest.path.stem, manifest.onnx_path.stem) == (name, name, name)


def test_a_variant_is_checked_like_any_model(family):
    with family.with_name('tiny.fp16.onnx').open('ab') as stream:
        stream.write(b'x')
    load_manifest(family)
    with pytest.raises(ModelError, match=r'tiny\.fp16\.json: \$\.sha256 is'):
        load_manifest(family, precision='fp16')


def test_a_variant_may_be_named_itself(family):
    assert load_manifest(family.with_name('tiny.fp16.onnx')).precision == 'fp16'
    with pytest.raises(ParameterError, match=r"precision is 'int8'; model .* comes in fp16"):
        load_manifest(family.with_name('tiny.fp16.json'), precision='int8')


def test_what_a_model_does_not_come_in_is_named(tiny_model):
    with pytest.raises(ParameterError, match='comes in fp32'):
        load_manifest(tiny_model, precision='int8')


def test_a_wrong_variant_is_named(family, document):
    write(family, {**json.loads(family.read_text()), 'variants': {'fp16': 'tiny.int8.json'}})
    with pytest.raises(ModelError, match=r'\$\.variants\.fp16 is tiny\.int8\.json, whose'):
        load_manifest(family, precision='fp16')
    family.with_name('tiny.int8.json').unlink()
    with pytest.raises(ModelError, match=r'tiny\.int8\.json cannot be read'):
        load_manifest(family, precision='fp16')


@pytest.mark.parametrize('variants', [{'fp16': '../x.json'}, {'fp8': 'x.json'}, ['x.json']])
def test_variants_are_files_beside_the_manifest(tiny_model, document, variants):
    write(tiny_model, {**document, 'variants': variants})
    with pytest.raises(ModelError, match=r'\$\.variants'):
        load_manifest(tiny_model)


def test_a_damaged_stranger_in_the_folder_is_told(family):
    (family.parent / 'stranger.json').write_text('{')
    with pytest.raises(ModelError, match=r'it holds stranger\.json, tiny\.json\. Name'):
        load_manifest(family.parent)
