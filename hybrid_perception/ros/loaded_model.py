# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What configure loads: manifest, engine and segmenter, shared by the nodes of a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import logging
from pathlib import Path
import threading
from typing import cast

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.registry import create_backend
from hybrid_perception.backends.shared import SharedBackends
from hybrid_perception.engine.settings import EngineSettings
from hybrid_perception.exceptions import (
    BadAnswerError,
    EncodingError,
    EngineError,
    ModelError,
    ParameterError,
)
from hybrid_perception.geometry import Roi
from hybrid_perception.ignore_mask import load_ignore_mask
from hybrid_perception.installed_model import PACKAGE, find_installed_model
from hybrid_perception.manifest import Manifest, load_manifest
from hybrid_perception.ros.parameters import NodeParameters
from hybrid_perception.segmentation import OutputSize, Segmentation, Segmenter
from hybrid_perception.turns import Turns

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A loaded model, ready to segment."""

    manifest: Manifest
    segmenter: RetryingSegmenter
    roi: Roi
    shows_roi_only: bool
    description: Mapping[str, str]

    def shown_region(self, image: tuple[int, int]) -> Roi:
        """Return the part of a frame of (height, width) pixels that the outputs show."""
        return (self.roi if self.shows_roi_only else Roi()).fit(*image)


def load_model(
    parameters: NodeParameters, stop: threading.Event, report: Callable[[str], None],
    backends: SharedBackends,
) -> LoadedModel:
    """Load and warm up the model that the parameters ask for.

    Args:
        parameters: the node's parameters.
        stop: ends the warm-up, or the build of a TensorRT engine, early.
        report: called with what takes long, in a few words; by the calling thread.
        backends: models that other nodes of this process have loaded.

    Raises:
        HybridPerceptionError: a file or a parameter is at fault; the message names it.
    """
    backend_name = chosen_backend(parameters)
    manifest = load_manifest(
        parameters.model_path or shipped_model(), precision=parameters.precision)
    threshold = active_threshold(parameters, manifest)
    roi = Roi(x_offset=parameters.roi_x_offset, y_offset=parameters.roi_y_offset,
              width=parameters.roi_width, height=parameters.roi_height)
    ignore_mask = load_ignore_mask(parameters.ignore_mask_path)
    description = {'model': manifest.name, 'model file': str(manifest.onnx_path)}

    def build() -> Segmenter:
        settings = EngineSettings(
            engine_path=parameters.engine_path, cache_dir=parameters.engine_cache_dir,
            report=report, stop=stop, must_keep=parameters.build_only)
        threads = parameters.num_threads or None
        backend = backends.open(
            (manifest.path, manifest.sha256, backend_name, threads, settings.engine_path,
             settings.cache_dir),
            lambda: create_backend(
                backend_name, manifest, threads=threads, engine=settings))
        description['backend'] = f'{backend.name} ({backend.detail})'
        return Segmenter(
            manifest, backend, output_size=cast(OutputSize, parameters.output_size),
            roi=roi, ignore_mask=ignore_mask, late=True,
            mark_bad_answers=parameters.bad_answer == 'mark')

    built = False

    def build_again() -> Segmenter:
        nonlocal built
        if built:   # whoever replaced the file since may not have meant it to run
            verify_unchanged(manifest)
        built = True
        return build()

    segmenter = RetryingSegmenter(
        build_again, retry_bad_answers=parameters.bad_answer == 'fail')
    for _ in range(parameters.warmup_iterations):
        if not stop.is_set():
            segmenter.warm_up()
    logger.info('model %s, anomaly threshold %.3f', manifest.onnx_path, threshold)
    return LoadedModel(manifest, segmenter, roi, parameters.output_size == 'network', description)


def verify_unchanged(manifest: Manifest) -> None:
    """Check that the model on disk is still the one that was loaded.

    Raises:
        ModelError: it is not.
    """
    now = load_manifest(manifest.path, precision='auto')
    if now.sha256 != manifest.sha256:
        raise ModelError(
            f'{manifest.path} has changed since it was loaded; configure the node anew')


def chosen_backend(parameters: NodeParameters) -> str:
    """Return the backend; to build an engine is to want TensorRT, and to hear what it lacks.

    Raises:
        ParameterError: there is no engine to build.
    """
    if not parameters.build_only:
        return parameters.backend
    if parameters.backend == 'onnxruntime' or parameters.engine_path:
        given = 'engine_path' if parameters.engine_path else 'backend: onnxruntime'
        raise ParameterError(
            f'build_only builds a TensorRT engine into the cache, and {given} uses none of it; '
            'leave one of them out')
    return 'tensorrt'


def active_threshold(parameters: NodeParameters, manifest: Manifest) -> float:
    """Return anomaly_threshold where it is a number, else that of the operating point.

    Raises:
        ParameterError: the manifest has no such operating point.
    """
    threshold = manifest.threshold(parameters.operating_point)
    return threshold if np.isnan(parameters.anomaly_threshold) else parameters.anomaly_threshold


logger = logging.getLogger(__name__)


class RetryingSegmenter:
    """Segment; where the engine fails, build it anew and try the same frame once more."""

    def __init__(
        self, build: Callable[[], Segmenter], *, retry_bad_answers: bool = True
    ) -> None:
        """Build the first engine by `build`, which is kept for the next one.

        Args:
            build: makes a segmenter.
            retry_bad_answers: whether an answer that cannot be right speaks against the engine.
        """
        self._build = build
        self._passed_on = (EncodingError, ParameterError) if retry_bad_answers else (
            EncodingError, ParameterError, BadAnswerError)
        self._segmenter = build()

    def segment(self, rgb: NDArray[np.uint8]) -> Segmentation:
        """Segment an RGB image, (H, W, 3) uint8.

        Raises:
            EncodingError, ParameterError: the frame does not fit; no new engine would help.
            BadAnswerError: the answer cannot be right, and it is not tried again.
            EngineError: the frame failed on the old engine and on a new one.
        """
        try:
            return self._segmenter.segment(rgb)
        except self._passed_on:
            raise
        except Exception as first:  # an engine may raise anything
            logger.warning('inference failed (%s); building the engine anew', first)
            try:
                self._segmenter.close()
                self._segmenter = self._build()
                return self._segmenter.segment(rgb)
            except Exception as second:
                raise EngineError(
                    f'inference failed ({first}), and again on a new engine ({second})'
                ) from second

    def output_view(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring an RGB image to the geometry of its segmentation, (H, W, 3) uint8."""
        return self._segmenter.output_view(rgb)

    def warm_up(self) -> None:
        """Segment a blank image once."""
        self._segmenter.warm_up(1)

    def close(self) -> None:
        """Free the engine."""
        self._segmenter.close()


def shipped_model() -> Path:
    """Return the folder of the shipped model: in share after an install, else in the source tree.

    Raises:
        ModelError: There is none.
    """
    candidates = []
    # AMENT_PREFIX_PATH does not name a venv that pip installed into, or is not set at all.
    with suppress(PackageNotFoundError, OSError):
        candidates.append(Path(get_package_share_directory(PACKAGE)) / 'models')
    return find_installed_model(candidates)


@dataclass(frozen=True)
class Sharing:
    """One per process; a node alone in its process has one for itself.

    Attributes:
        backends: loaded models.
        turns: who may run the engine next.
    """

    backends: SharedBackends = field(default_factory=SharedBackends)
    turns: Turns = field(default_factory=Turns)
