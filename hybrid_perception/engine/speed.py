# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How fast each engine runs each variant of a model on this machine, and whether they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
import time

import numpy as np
from numpy.typing import NDArray

from hybrid_perception.backends.base import Backend
from hybrid_perception.backends.registry import create_backend
from hybrid_perception.engine.parity import Parity, compare, parity_image
from hybrid_perception.engine.settings import EngineSettings
from hybrid_perception.exceptions import EngineError, HybridPerceptionError, ModelError
from hybrid_perception.interleaved import take_turns
from hybrid_perception.manifest import Manifest

REFERENCE = 'onnxruntime'
"""What the others are compared with, running the same file."""
ENGINES = (REFERENCE, 'openvino', 'tensorrt')
ALIKE = 1.05
"""Ratio up to which two medians are the same: runs on one machine differ by as much."""


@dataclass(frozen=True)
class EngineSpeed:
    """One variant in one engine.

    Attributes:
        manifest: The variant.
        backend: Name of the engine, as in the ``backend`` parameter.
        detail: Version, device and threads.
        seconds: (rounds,) of one inference each, turns taken with the others.
        parity: How much it differs from ONNX Runtime; None for ONNX Runtime itself.
    """

    manifest: Manifest
    backend: str
    detail: str
    seconds: NDArray[np.float64]
    parity: Parity | None

    @property
    def median(self) -> float:
        """Median of one inference, s."""
        return float(np.median(self.seconds))

    @property
    def p99(self) -> float:
        """99th percentile of one inference, s."""
        return float(np.percentile(self.seconds, 99))

    @property
    def trusted(self) -> bool:
        """Whether it says what ONNX Runtime says of the same file."""
        return self.parity is None or self.parity.passed


def measure_speed(
    variants: Sequence[Manifest], engines: Sequence[str], *, threads: int | None, rounds: int,
    note: Callable[[str], None],
) -> list[EngineSpeed]:
    """Time every variant in every engine, in turns.

    All are loaded at once, as turns demand: each takes the memory that the node would. An engine
    that is not installed, or that cannot run a variant, is left out, and so is a variant that ONNX
    Runtime cannot run.

    Args:
        variants: The same network in one or more precisions.
        engines: Names of ENGINES.
        threads: CPU threads per frame; None takes every core that this process may use.
        rounds: How often each is timed.
        note: Told what is left out and why, how the build of a TensorRT engine goes, and how long
            the rounds will take.

    Returns:
        In the order of variants and engines.

    Raises:
        EngineError: No engine could run any.
        ParameterError: ``rounds`` or ``threads`` is below 1.
    """
    told: set[str] = set()

    def leave_out(name: str, variant: Manifest, error: Exception) -> None:
        if f'{name} {error}' not in told:   # mostly it is the same for every variant
            told.add(f'{name} {error}')
            note(f'{name} is left out, first for {variant.precision}: {error}')

    with ExitStack() as loaded:
        opened = [
            (variant, name, backend, parity)
            for variant in variants
            for name, backend, parity in loaded.enter_context(_open(
                variant, engines, threads, leave_out, EngineSettings(report=note)))]
        if not opened:
            raise EngineError(
                f'none of {", ".join(engines)} can run {", ".join(v.name for v in variants)} here')
        images = {variant.path: parity_image(*variant.input_size) for variant in variants}
        calls = {
            f'{place}': partial(backend.infer, images[variant.path])
            for place, (variant, _, backend, _) in enumerate(opened)}
        start = time.perf_counter()
        for call in calls.values():
            call()
        wait = rounds * (time.perf_counter() - start)
        note(f'timing {len(calls)} by turns, {rounds} round(s): about {wait:.0f} s')
        seconds = take_turns(calls, rounds)
        return [EngineSpeed(variant, name, backend.detail, seconds[f'{place}'], parity)
                for place, (variant, name, backend, parity) in enumerate(opened)]


def fastest(found: Sequence[EngineSpeed]) -> EngineSpeed | None:
    """Return the fastest by the median of those that agree with ONNX Runtime.

    What is within `ALIKE` of it is taken for as fast; of those the first is returned, so that the
    order of variants and engines, not chance, decides between equals.
    """
    trusted = [speed for speed in found if speed.trusted]
    least = min((speed.median for speed in trusted), default=0.0)
    return next((speed for speed in trusted if speed.median <= ALIKE * least), None)


@contextmanager
def _open(
    variant: Manifest, engines: Sequence[str], threads: int | None,
    leave_out: Callable[[str, Manifest, Exception], None], settings: EngineSettings,
) -> Iterator[list[tuple[str, Backend, Parity | None]]]:
    """Load a variant into each engine and hold it against ONNX Runtime.

    Without an answer of ONNX Runtime nothing can be held against it: then there is no engine.
    """
    with ExitStack() as loaded:
        image = parity_image(*variant.input_size)
        found: list[tuple[str, Backend, Parity | None]] = []
        try:
            reference = loaded.enter_context(closing(
                create_backend(REFERENCE, variant, threads=threads)))
            compare(variant, reference, reference, image)   # refuses scores that are not finite
        except (EngineError, ModelError) as error:
            leave_out(REFERENCE, variant, error)
            engines = ()
        for name in engines:
            if name == REFERENCE:
                found.append((name, reference, None))
                continue
            try:
                backend = loaded.enter_context(closing(
                    create_backend(name, variant, threads=threads, engine=settings)))
                parity = compare(variant, backend, reference, image)
            except HybridPerceptionError as error:
                leave_out(name, variant, error)
                continue
            found.append((name, backend, parity))
        yield found


def accuracy(manifest: Manifest) -> Mapping[str, float]:
    """Return the accuracy that a manifest tells, percent; empty where it tells it otherwise.

    Returns:
        ``mIoU`` of the closed set; ``AP`` and ``FPR95`` of the hybrid score, mean over its sets.
    """
    try:
        hybrid = [scores['hybrid'] for scores in manifest.metrics['anomaly'].values()]
        return {
            'mIoU': 100 * float(manifest.metrics['closed_set']['miou']),
            **{name: 100 * sum(float(scores[key]) for scores in hybrid) / len(hybrid)
               for name, key in (('AP', 'ap'), ('FPR95', 'fpr95'))}}
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return {}   # the field is free
