# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A proven engine for a model: from the cache, from a file, or built here."""

from __future__ import annotations

from datetime import datetime, timezone
import hashlib
import logging
from pathlib import Path
import platform

from hybrid_perception import __version__
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.backends.tensorrt_backend import PlanError, TensorRtBackend
from hybrid_perception.engine.accelerator import Accelerator
from hybrid_perception.engine.builder import (
    BUILD_OPTIONS,
    BuildStoppedError,
    BuiltPlan,
    build_plan,
)
from hybrid_perception.engine.cache import EngineCache
from hybrid_perception.engine.directory import cache_directory
from hybrid_perception.engine.key import EngineKey, engine_key
from hybrid_perception.engine.parity import Parity, compare, parity_image
from hybrid_perception.engine.settings import EngineSettings
from hybrid_perception.engine.sidecar import Sidecar
from hybrid_perception.exceptions import EngineError, ModelError
from hybrid_perception.manifest import Manifest

_LOGGER = logging.getLogger(__name__)
_AGAIN = "to build it once more: 'hybrid-perception engine build --rebuild'"


class EngineProvider:
    """Opens the engine of one model on one GPU."""

    def __init__(
        self, manifest: Manifest, accelerator: Accelerator, settings: EngineSettings, *,
        reason: str = 'asked for',
    ) -> None:
        """Name what is wanted; nothing is loaded.

        Args:
            manifest: The model.
            accelerator: The GPU and what is needed to use it.
            settings: Where engines are kept, and who is told.
            reason: Why this engine was chosen, for ``detail``.
        """
        self._manifest = manifest
        self._accelerator = accelerator
        self._settings = settings
        self._reason = reason
        self.cache = EngineCache(cache_directory(settings.cache_dir))
        self.key: EngineKey = engine_key(
            manifest, accelerator.gpu, tensorrt=accelerator.library.name, options=BUILD_OPTIONS)

    @property
    def model(self) -> str:
        """Return the name of the model."""
        return self._manifest.name

    @property
    def path(self) -> Path:
        """Return where the plan is, or would be."""
        return Path(self._settings.engine_path) if self._settings.engine_path else (
            self.cache.path(self._manifest.name, self.key))

    def open(self) -> TensorRtBackend:
        """Load the engine; build and prove it first where there is none that fits.

        Raises:
            ModelError: TensorRT does not understand the graph.
            EngineError: It cannot be built, stored or run, or differs from the CPU.
            BuildStoppedError: The settings' `stop` was set.
        """
        if self._settings.engine_path:
            return self._open_file(Path(self._settings.engine_path).expanduser())
        backend = None if self._settings.rebuild else self._open_cached(explain=True)
        if backend is not None:
            return backend
        with self.cache.lock(self._manifest.name, self.key, self._wait):
            # Another process may have built it in the meantime.
            backend = None if self._settings.rebuild else self._open_cached(explain=False)
            return backend if backend is not None else self._build()

    def open_existing(self) -> TensorRtBackend:
        """Load the engine that is there; never builds.

        Raises:
            EngineError: There is none that fits, or it cannot be run.
        """
        if self._settings.engine_path:
            path = Path(self._settings.engine_path).expanduser()
            return self._load(_read_plan(path), f'file {path}')
        backend = self._open_cached(explain=True)
        if backend is None:
            raise EngineError(
                f'there is no TensorRT engine of model {self._manifest.name} for this machine at '
                f"{self.path}; make one: 'hybrid-perception engine build'")
        return backend

    def prove(self, backend: TensorRtBackend) -> Parity:
        """Compare the engine with the CPU.

        Raises:
            EngineError: One of them failed.
        """
        self._settings.report('comparing the TensorRT engine with the CPU')
        reference = OnnxRuntimeBackend(self._manifest)
        try:
            return compare(
                self._manifest, backend, reference, parity_image(*self._manifest.input_size))
        finally:
            reference.close()

    def _wait(self) -> None:
        self._raise_if_stopped()
        self._settings.report('another process builds the TensorRT engine')

    def _raise_if_stopped(self) -> None:
        if self._settings.stop.is_set():
            raise BuildStoppedError('stopped before the TensorRT engine was built')

    def _open_cached(self, *, explain: bool) -> TensorRtBackend | None:
        entry = self.cache.find(self._manifest.name, self.key, explain=explain)
        if entry is None:
            return None
        if entry.sidecar.refused:
            raise EngineError(
                f'the TensorRT engine of model {self._manifest.name} built at '
                f'{entry.sidecar.built_at} differs from the CPU and is not used (see '
                f'{entry.path.with_suffix(".json")}); {_AGAIN}')
        try:
            return self._load(entry.plan, f'cached {entry.path.name}')
        except PlanError as error:
            _LOGGER.warning('%s fits but cannot be used: %s', entry.path, error)
            return None

    def _open_file(self, path: Path) -> TensorRtBackend:
        backend = self._load(_read_plan(path), f'file {path}')
        parity = self._prove_or_close(backend)
        if not parity.passed:
            backend.close()
            raise EngineError(
                f'engine_path: the engine {path} differs from the CPU and is not used: {parity}')
        return backend

    def _load(self, plan: bytes, origin: str) -> TensorRtBackend:
        gpu, library = self._accelerator.gpu, self._accelerator.library
        return TensorRtBackend(
            self._manifest, plan, library, self._accelerator.open_device,
            detail=f'{library.name}, {gpu.name} (compute capability {gpu.compute_capability}), '
            f'{self._manifest.precision}, {origin}; {self._reason}')

    def _prove_or_close(self, backend: TensorRtBackend) -> Parity:
        try:
            return self.prove(backend)
        except BaseException:
            backend.close()
            raise

    def _report_percent(self, percent: int) -> None:
        self._settings.report(f'building the TensorRT engine, {percent} %')

    def _build(self) -> TensorRtBackend:
        self._raise_if_stopped()
        manifest = self._manifest
        onnx = manifest.onnx_path.read_bytes()
        if hashlib.sha256(onnx).hexdigest() != manifest.sha256:
            raise ModelError(f'{manifest.onnx_path} changed after its manifest was read')
        _LOGGER.info('building the TensorRT engine of model %s; this takes minutes and is done '
                     'once: %s', manifest.name, self.path)
        built = build_plan(
            self._accelerator.library, onnx, timings=self.cache.read_timings(self.key),
            report=self._report_percent, stop=self._settings.stop)
        backend = self._load(built.plan, f'built in {built.seconds:.0f} s')
        parity = self._prove_or_close(backend)
        try:
            self._keep(built, parity)
        except EngineError:
            backend.close()
            raise
        if not parity.passed:
            backend.close()
            raise EngineError(
                f'the TensorRT engine of model {manifest.name} differs from the CPU and is not '
                f'used: {parity}; {_AGAIN}')
        _LOGGER.info('TensorRT engine of model %s built in %.0f s: %s', manifest.name,
                     built.seconds, parity)
        return backend

    def _keep(self, built: BuiltPlan, parity: Parity) -> None:
        """Store the engine; of one that differs, only that it does, so that no start tries again.

        The engine in memory is good even if the disk is full.
        """
        plan = built.plan if parity.passed else b''
        sidecar = Sidecar(
            model=self._manifest.name,
            key=self.key,
            plan_sha256=hashlib.sha256(plan).hexdigest() if plan else '',
            plan_bytes=len(plan),
            built_at=datetime.now(timezone.utc).isoformat(timespec='seconds'),
            build_seconds=round(built.seconds, 3),
            parity=parity.to_dict(),
            tools={'hybrid_perception': __version__, 'python': platform.python_version()},
        )
        try:
            self.cache.store(sidecar, plan)
            if built.timings:
                self.cache.store_timings(self.key, built.timings)
        except EngineError as error:
            if self._settings.must_keep:
                raise
            _LOGGER.warning('the TensorRT engine is not kept and will be built again: %s', error)


def _read_plan(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EngineError(f'engine_path: {path} cannot be read ({error.strerror})') from error
