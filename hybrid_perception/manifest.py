# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The model manifest: what a robot must know about a model, beside its ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
import hashlib
import json
import logging
import math
import os
from pathlib import Path
import re
from typing import Any

from hybrid_perception.exceptions import ModelError, ParameterError
from hybrid_perception.files import check_schema, json_text, read_json, write_whole
from hybrid_perception.labels import ClassMap, Color

AUTO = 'auto'
PRECISIONS = ('fp32', 'fp16', 'int8')
"""Of a model's arithmetic; the names are Autoware's."""


CALIBRATION_SUFFIX = '.calibration.json'
CALIBRATION_NAME = re.compile(r'[A-Za-z0-9_-]+')

CONFIDENCE_RANGE = 5.0
"""Score; of a model that says too little of its spread."""

_SCHEMA, _CALIBRATION_SCHEMA = 'manifest.schema.json', 'calibration.schema.json'
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class OperatingPoint:
    """An anomaly threshold and what it was chosen for.

    Attributes:
        threshold: Lowest anomaly score of an unknown pixel.
        target: What the threshold reaches, in words.
        data: Data that it was chosen on.
        tpr: Share of anomaly pixels detected there, 0..1, where measured.
        fpr: Share of known pixels detected there, 0..1, where measured.
    """

    threshold: float
    target: str
    data: str
    tpr: float | None = None
    fpr: float | None = None


@dataclass(frozen=True)
class Manifest:
    """A validated manifest.

    Attributes:
        path: The manifest file.
        name: Name of the model.
        onnx_path: The ONNX file beside the manifest.
        sha256: SHA-256 of the ONNX file, lower-case hexadecimal.
        input_name: Tensor that takes (1, height, width, 3) uint8 RGB.
        input_size: (height, width), pixels.
        label_name: Tensor that gives (1, height, width) uint8 class ids.
        score_name: Tensor that gives (1, height, width) float32 anomaly scores.
        class_map: Known classes and the unknown class.
        score_definition: How the score is computed, in words.
        operating_points: Thresholds by name.
        default_operating_point: Name of the operating point used unless told otherwise.
        precision: One of PRECISIONS.
        provenance: Where the model comes from; free fields.
        metrics: What it reached; free fields.
        variants: Manifests of the same network in other precisions, by precision.
    """

    path: Path
    name: str
    onnx_path: Path
    sha256: str
    input_name: str
    input_size: tuple[int, int]
    label_name: str
    score_name: str
    class_map: ClassMap
    score_definition: str
    operating_points: Mapping[str, OperatingPoint]
    default_operating_point: str
    precision: str
    provenance: Mapping[str, Any]
    metrics: Mapping[str, Any]
    variants: Mapping[str, Path] = field(default_factory=dict)

    def threshold(self, operating_point: str | None = None) -> float:
        """Look up the anomaly threshold of an operating point.

        Args:
            operating_point: A name, or None or '' for the default one.

        Raises:
            ParameterError: The manifest has no such operating point.
        """
        name = operating_point or self.default_operating_point
        if name not in self.operating_points:
            raise ParameterError(
                f"operating point '{name}' is not in {self.path}; it has "
                f'{", ".join(self.operating_points)}'
            )
        return self.operating_points[name].threshold

    @property
    def confidence_range(self) -> float:
        """Say how much score makes the share of known pixels fall tenfold, above 0.

        The unit in which a distance from the threshold is large or small: scores of models differ
        in their spread. Read off the lowest and the highest operating point on the data of the
        default one; ``CONFIDENCE_RANGE`` where there are no two.
        """
        data = self.operating_points[self.default_operating_point].data
        points = sorted((point.threshold, point.fpr) for point in self.operating_points.values()
                        if point.data == data and point.fpr)
        if len(points) < 2:
            return CONFIDENCE_RANGE
        (low, many), (high, few) = points[0], points[-1]
        decades = math.log10(many / few)
        return (high - low) / decades if high > low and decades > 0 else CONFIDENCE_RANGE


def load_manifest(
    path: str | os.PathLike[str], *, precision: str = AUTO, verify_hash: bool = True
) -> Manifest:
    """Load and validate the manifest of a model, and the calibrations beside it.

    Args:
        path: The manifest, the ONNX file beside it (same name, ``.json``), or a directory with
            exactly one manifest, variants of it aside.
        precision: ``auto`` for the model at `path` itself; one of PRECISIONS for its variant.
        verify_hash: Compare the ONNX file's SHA-256 with the manifest's.

    Raises:
        ModelError: A file is missing, damaged, or a field is wrong; the message names both.
        ParameterError: The model has no such variant.
    """
    found = find_manifest(path)
    manifest = _choose_variant(_read(found), precision)
    manifest_path = manifest.path
    if not manifest.onnx_path.is_file():
        raise ModelError(
            f"{manifest_path}: $.file names '{manifest.onnx_path.name}', which is not beside the "
            'manifest; put the ONNX file there or name the right one'
        )
    if verify_hash:
        actual = hash_file(manifest.onnx_path)
        if actual != manifest.sha256:
            raise ModelError(
                f'{manifest_path}: $.sha256 is {manifest.sha256} but {manifest.onnx_path.name} '
                f'has {actual}; the file is damaged or belongs to another manifest'
            )
    calibrated = _points(read_calibrated_points(manifest_path, manifest.sha256))
    return replace(manifest, operating_points={**manifest.operating_points, **calibrated})


def write_manifest(path: str | os.PathLike[str], document: Mapping[str, Any]) -> Manifest:
    """Validate a manifest and write it beside its ONNX file, which must be there already.

    ``sha256`` is computed from the ONNX file and replaces any value in the document. The file
    appears whole or not at all.

    Args:
        path: File to write, ``.json``.
        document: The manifest's fields.

    Returns:
        The manifest as ``load_manifest`` reads it.

    Raises:
        ModelError: A field is wrong or the ONNX file is missing.
    """
    target = Path(path)
    onnx_path = target.parent / str(document.get('file'))
    if not onnx_path.is_file():
        raise ModelError(f'{target}: $.file must name an ONNX file beside it; {onnx_path} is none')
    document = {**document, 'sha256': hash_file(onnx_path)}
    try:
        # A figure that is NaN is a mistake of whoever measured it, and is not made null here.
        manifest = _build(target, json.loads(json.dumps(document, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise ModelError(f'{target}: not writable as JSON: {error}') from error
    write_whole(target, json_text(document))
    return manifest


def hash_file(path: Path) -> str:
    """Compute a file's SHA-256 in lower-case hexadecimal."""
    digest = hashlib.sha256()
    with path.open('rb') as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _choose_variant(manifest: Manifest, precision: str) -> Manifest:
    """Return the manifest, or that of its variant, in the precision asked for."""
    if precision in (AUTO, manifest.precision):
        return manifest
    if precision not in manifest.variants:
        present = ', '.join([manifest.precision, *manifest.variants])
        raise ParameterError(
            f"precision is '{precision}'; model {manifest.path} comes in {present}. Others are "
            "made by 'hybrid-training quantize'"
        )
    path = manifest.variants[precision]
    variant = _read(path)
    if variant.precision != precision:
        raise ModelError(
            f'{manifest.path}: $.variants.{precision} is {path.name}, whose $.precision is '
            f'{variant.precision}; name the right file'
        )
    return variant


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


def read_calibrated_points(manifest: Path, sha256: str) -> dict[str, dict[str, Any]]:
    """Read the operating points of every calibration beside a manifest.

    A calibration of another model is passed over with a warning: the model was replaced.

    Args:
        manifest: The manifest's file.
        sha256: Hash of the model.

    Returns:
        The fields of each operating point by its name, which begins with the calibration's.

    Raises:
        ModelError: A file cannot be read, or a field is wrong.
    """
    points: dict[str, dict[str, Any]] = {}
    for path in sorted(manifest.parent.glob(f'*{CALIBRATION_SUFFIX}')):
        stem, _, name = path.name.removesuffix(CALIBRATION_SUFFIX).rpartition('.')
        if stem != manifest.stem or not CALIBRATION_NAME.fullmatch(name):
            continue   # of another model in this folder
        document = read_calibration(path)
        if document['model_sha256'] != sha256:
            _LOGGER.warning('%s was made for another model and is not used; calibrate again', path)
            continue
        points.update(document['operating_points'])
    return points


def read_calibration(path: Path) -> Any:
    """Read the file of a calibration.

    Raises:
        ModelError: It cannot be read, or a field is wrong.
    """
    document = read_json(path, what='a calibration (correct or remove it)')
    check_calibration(document, path)
    return document


def check_calibration(document: Any, path: Path) -> None:
    """Hold a calibration against its schema, and the names of its points against its own.

    Raises:
        ModelError: A field is wrong.
    """
    check_schema(document, _CALIBRATION_SCHEMA, path)
    prefix = f'{document["name"]}/'
    for name in document['operating_points']:
        if not name.startswith(prefix):
            raise ModelError(f"{path}: operating point '{name}' must begin with '{prefix}'")


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


def _read(path: Path) -> Manifest:
    return _build(path, read_json(path, what='a JSON manifest'))


def _points(fields: Mapping[str, Any]) -> dict[str, OperatingPoint]:
    return {name: OperatingPoint(**{**point, 'threshold': float(point['threshold'])})
            for name, point in fields.items()}


def _build(path: Path, document: Any) -> Manifest:
    check_schema(document, _SCHEMA, path)
    classes, unknown = document['classes'], document['unknown']
    _check_ids(path, [entry['id'] for entry in classes], unknown['id'])
    points = _points(document['operating_points'])
    default = document['default_operating_point']
    if default not in points:
        raise ModelError(
            f"{path}: $.default_operating_point is '{default}'; $.operating_points has "
            f'{", ".join(points)}'
        )
    return Manifest(
        path=path,
        name=document['name'],
        onnx_path=path.parent / document['file'],
        sha256=document['sha256'],
        input_name=document['input']['name'],
        input_size=(int(document['input']['height']), int(document['input']['width'])),
        label_name=document['outputs']['label'],
        score_name=document['outputs']['anomaly_score'],
        class_map=ClassMap(
            names=tuple(entry['name'] for entry in classes),
            colors=tuple(_color(entry['color']) for entry in classes),
            unknown_id=len(classes),
            unknown_name=unknown['name'],
            unknown_color=_color(unknown['color']),
        ),
        score_definition=document['score']['definition'],
        operating_points=points,
        default_operating_point=default,
        precision=document['precision'],
        provenance=document['provenance'],
        metrics=document['metrics'],
        variants={precision: path.parent / name
                  for precision, name in document.get('variants', {}).items()},
    )


def _color(channels: list[int]) -> Color:
    red, green, blue = (int(channel) for channel in channels)
    return red, green, blue


def _check_ids(path: Path, class_ids: list[int], unknown_id: int) -> None:
    for position, class_id in enumerate(class_ids):
        if class_id != position:
            raise ModelError(
                f'{path}: $.classes[{position}].id is {class_id}; ids must be 0..'
                f'{len(class_ids) - 1} in order'
            )
    if unknown_id != len(class_ids):
        raise ModelError(
            f'{path}: $.unknown.id is {unknown_id}; it must be {len(class_ids)}, the number of '
            'known classes'
        )
