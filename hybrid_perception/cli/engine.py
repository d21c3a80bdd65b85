# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``hybrid-perception engine``: build, check, list and clear TensorRT engines."""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
import os
import sys
import threading
from typing import TYPE_CHECKING, TypeVar

from hybrid_perception.cli.arguments import add_precision_argument
from hybrid_perception.engine.accelerator import find_accelerator
from hybrid_perception.engine.cache import CachedEngine, EngineCache
from hybrid_perception.engine.directory import VARIABLE, cache_directory
from hybrid_perception.engine.provider import EngineProvider
from hybrid_perception.engine.settings import EngineSettings
from hybrid_perception.exceptions import EngineError
from hybrid_perception.files import json_text
from hybrid_perception.manifest import load_manifest

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[argparse.ArgumentParser]

T = TypeVar('T')

PATIENCE = 1.5
"""Seconds that a build gets to stop after Ctrl-C."""


def add_parser(subparsers: SubParsers) -> None:
    """Add this subcommand."""
    parser = subparsers.add_parser(
        'engine',
        help='build, check, list and clear TensorRT engines',
        description='TensorRT engines of a model for the GPU of this machine. The node builds its '
        'engine by itself; this does it beforehand, for instance for an image of a fleet.',
        epilog='Example: hybrid-perception engine build models/street.json '
        '--cache-dir /opt/engines',
    )
    actions = parser.add_subparsers(metavar='ACTION', required=True)
    build = _add(actions, 'build', 'build the engine of a model, unless the cache has it', _build)
    build.add_argument('model', metavar='MODEL', help='manifest, ONNX file or their directory')
    add_precision_argument(build)
    build.add_argument('--rebuild', action='store_true', help='build even if the cache has it')
    check = _add(actions, 'check', 'compare the engine of a model with the CPU once more', _check)
    check.add_argument('model', metavar='MODEL', help='manifest, ONNX file or their directory')
    add_precision_argument(check)
    check.add_argument('--engine', metavar='FILE', default='',
                       help='a plan built elsewhere, instead of that of the cache')
    show = _add(actions, 'list', 'list the engines of the cache; needs no GPU', _list)
    show.add_argument('--json', action='store_true', help='print JSON for other programs')
    clear = _add(actions, 'clear', 'remove engines from the cache; needs no GPU', _clear)
    clear.add_argument('--model', metavar='NAME', default='',
                       help='only those of the model of this name; all if absent')


def _add(
    actions: SubParsers, name: str, what: str, run: Callable[[argparse.Namespace], None]
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=what, description=what.capitalize() + '.')
    parser.add_argument(
        '--cache-dir', metavar='DIR', default='',
        help=f'where engines are; else {VARIABLE}, else the cache of the user')
    parser.set_defaults(run=run)
    return parser


def _build(arguments: argparse.Namespace) -> None:
    stop = threading.Event()
    provider = _provider(arguments, EngineSettings(
        cache_dir=arguments.cache_dir, rebuild=arguments.rebuild, report=_report, stop=stop,
        must_keep=True))
    backend = _interruptible(provider.open, stop)
    backend.close()
    entry = provider.cache.find(provider.model, provider.key)
    if entry is None:
        raise EngineError(f'the engine was built but could not be kept at {provider.path}')
    print(_describe(entry))


def _check(arguments: argparse.Namespace) -> None:
    settings = EngineSettings(cache_dir=arguments.cache_dir, engine_path=arguments.engine)
    provider = _provider(arguments, settings)
    backend = provider.open_existing()
    try:
        parity = provider.prove(backend)
    finally:
        backend.close()
    print(f'{provider.path}: {parity}')
    if not parity.passed:
        raise EngineError('the engine differs from the CPU too much to be used')


def _provider(arguments: argparse.Namespace, settings: EngineSettings) -> EngineProvider:
    manifest = load_manifest(arguments.model, precision=arguments.precision)
    return EngineProvider(manifest, find_accelerator(), settings)


def _list(arguments: argparse.Namespace) -> None:
    cache = EngineCache(cache_directory(arguments.cache_dir))
    engines = cache.engines()
    if arguments.json:
        print(json_text([
            {'path': str(engine.path), **json.loads(engine.sidecar.to_json())}
            for engine in engines]), end='')
        return
    print(f'{len(engines)} engine(s) in {cache.directory}')
    for engine in engines:
        print(_describe(engine))


def _clear(arguments: argparse.Namespace) -> None:
    cache = EngineCache(cache_directory(arguments.cache_dir))
    freed = cache.clear(arguments.model)
    print(f'{freed / 1e6:.1f} MB removed from {cache.directory}')


def _describe(engine: CachedEngine) -> str:
    sidecar = engine.sidecar
    parts = sidecar.key.parts
    state = 'REFUSED, differs from the CPU' if sidecar.refused else (
        f'{sidecar.plan_bytes / 1e6:.1f} MB')
    return (
        f'{engine.path}\n'
        f'  model    {sidecar.model}, ONNX {parts.get("onnx sha256", "?")[:12]}\n'
        f'  for      {parts.get("gpu", "?")} ({parts.get("compute capability", "?")}), '
        f'{parts.get("tensorrt", "?")}, driver for CUDA {parts.get("cuda driver", "?")}\n'
        f'  built    {sidecar.built_at} in {sidecar.build_seconds:.1f} s; {state}\n'
        f'  parity   {json.dumps(dict(sidecar.parity))}')


def _report(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _interruptible(work: Callable[[], T], stop: threading.Event) -> T:
    """Do the work in a thread: Python hears of Ctrl-C only while it is not inside TensorRT."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name='build', daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except KeyboardInterrupt:
        stop.set()
        thread.join(PATIENCE)
        if thread.is_alive():
            print('hybrid-perception: interrupted', file=sys.stderr, flush=True)
            # A thread inside TensorRT cannot be ended, and must not outlive what it uses.
            os._exit(1)
        raise
    if failed:
        raise failed[0]
    return done[0]
