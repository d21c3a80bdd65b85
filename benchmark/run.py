# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measure every section, each in a process of its own, and write docs/performance.md.

Quiet cores give honest figures; ratios are medians of ratios within one interleaved run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
import datetime
import importlib
import importlib.metadata
import json
import os
from pathlib import Path
import platform
import subprocess
import sys
import tempfile
import time

from benchmark.page import read_sections, write_page
from benchmark.sections import SECTIONS, Section
from benchmark.table import MODELS, ROOT, Bar, NotMeasured, Settings, Table
from hybrid_perception.backends.cores import usable_cores
from hybrid_perception.exceptions import HybridPerceptionError

PACKAGES = ('numpy', 'opencv-python-headless', 'onnxruntime', 'openvino', 'torch', 'timm', 'rclpy')


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, 1 where a section failed, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    cores = usable_cores()
    settings = Settings(
        options.model, options.threads or tuple(sorted({1, cores})), options.quick,
        options.data,
        options.output.resolve().parent / 'images' if options.output else None)
    if options.child:
        return _measure_here(options.only[0], settings, options.child)
    chosen = [s for s in SECTIONS if not options.only or s.module in options.only]
    page = _Page(options.output, chosen, settings)
    for section in chosen:
        start, when = time.monotonic(), _when(section, settings)
        text, good = _measure_apart(section, sys.argv[1:] if arguments is None else arguments)
        page.add(section, f'{when}\n\n{text}', good=good)
        print(f'{section.module}: {time.monotonic() - start:.0f} s', file=sys.stderr, flush=True)
    if not options.output:
        print(page.text())
    if page.failed:
        print(f'benchmark: failed: {", ".join(page.failed)}', file=sys.stderr)
    return 1 if page.failed else 0


class _Page:
    """The page as it grows: written after every section, so that what was measured stays."""

    def __init__(self, path: Path | None, chosen: Sequence[Section], settings: Settings) -> None:
        self.failed: list[str] = []
        self._path = path
        self._titles = [section.title for section in (SECTIONS if path else chosen)]
        self._notes = _notes(settings)
        self._before: dict[str, str] = {}
        if path and path.is_file():
            self._before = read_sections(path.read_text(encoding='utf-8'))
        self._measured: dict[str, str] = {}

    def add(self, section: Section, text: str, *, good: bool) -> None:
        """Take a section; one that failed does not replace older figures."""
        if not good:
            self.failed.append(section.module)
        if good or section.title not in self._before:
            self._measured[section.title] = text
        if self._path:
            self._path.write_text(self.text(), encoding='utf-8')

    def text(self) -> str:
        """Return the page as it is now."""
        return write_page(self._titles, self._measured, self._before, self._notes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python3 -m benchmark.run', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example: python3 -m benchmark.run --only core --threads 1')
    names = [section.module for section in SECTIONS]
    parser.add_argument('--output', type=Path, metavar='MD', help='write there, not to the screen')
    parser.add_argument('--only', action='append', choices=names, help='a section; may repeat')
    parser.add_argument('--model', type=Path, default=MODELS,
                        help='manifest, .onnx or folder (models/)')
    parser.add_argument('--threads', type=_threads, metavar='N,M',
                        help='CPU threads of the engines (1 and the cores of this process)')
    parser.add_argument('--data', type=Path, metavar='DIR',
                        help='labelled sets, for the accuracy of the graph variants')
    parser.add_argument('--quick', action='store_true', help='prove that it runs; no figures')
    parser.add_argument('--child', type=Path, help=argparse.SUPPRESS)
    return parser


def _threads(text: str) -> tuple[int, ...]:
    threads = tuple(int(part) for part in text.split(','))
    if not threads or min(threads) < 1:
        raise argparse.ArgumentTypeError(f'{text}: numbers of 1 or more, such as 1,2')
    return threads


def _measure_apart(section: Section, arguments: Sequence[str]) -> tuple[str, bool]:
    """Run a section in a process of its own: engines leave threads and settings behind."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'tables.json'
        command = [sys.executable, '-m', 'benchmark.run', *_without_only(arguments), '--only',
                   section.module, '--child', str(path)]
        # Threads of torch would otherwise spin on the cores while the next engine is timed.
        environment = {**os.environ, 'OMP_WAIT_POLICY': 'PASSIVE'}
        try:
            done = subprocess.run(command, cwd=ROOT, env=environment, timeout=section.seconds,
                                  capture_output=True, text=True, check=False)
        except subprocess.TimeoutExpired:
            return f'*Stopped after {section.seconds} s.*\n', False
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            last = (done.stderr.strip().splitlines() or ['no message'])[-1]
            return f'*Failed: {last}*\n', False
        answer = json.loads(path.read_text(encoding='utf-8'))
    if 'not measured' in answer:
        return f'*Not measured: {answer["not measured"]}*\n', True
    tables = [Table(**{**t, 'rows': tuple(map(tuple, t['rows'])),
                       'bars': tuple(Bar(**bar) for bar in t['bars'])}) for t in answer['tables']]
    return '\n'.join(table.markdown() for table in tables), True


def _without_only(arguments: Sequence[str]) -> list[str]:
    kept, skip = [], False
    for argument in arguments:
        if not skip and not argument.startswith('--only'):
            kept.append(argument)
        skip = argument == '--only'
    return kept


def _measure_here(name: str, settings: Settings, path: Path) -> int:
    try:
        tables = importlib.import_module(f'benchmark.{name}').measure(settings)
        answer: dict[str, object] = {'tables': [asdict(table) for table in tables]}
    except (NotMeasured, ImportError) as reason:
        answer = {'not measured': str(reason)}
    except HybridPerceptionError as error:
        print(f'benchmark: {error}', file=sys.stderr)
        return 1
    path.write_text(json.dumps(answer), encoding='utf-8')
    return 0


def _notes(settings: Settings) -> str:
    rule = ('**A quick run: it proves that the benchmarks run; the figures mean nothing.**\n\n'
            if settings.quick else '')
    return (f'{rule}Newest section on {platform.system()} {platform.release()}, Python '
            f'{platform.python_version()}, {_versions()}.\n')


def _when(section: Section, settings: Settings) -> str:
    sets = ' --data DIR' if settings.data else ''
    return (f'*{datetime.date.today().isoformat()}, commit {_commit()}, {_processor()}, '
            f'{usable_cores()} usable core(s), load before: {os.getloadavg()[0]:.1f}; '
            f'`python3 -m benchmark.run --only {section.module} --threads '
            f'{",".join(map(str, settings.threads))}{sets if section.learned else ""}'
            f'{" --quick" if settings.quick else ""}`*')


def _commit() -> str:
    """Name the commit; what stands in docs/, as this page does, changes nothing measured."""
    found = _git('describe', '--always')
    changed = _git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!docs')
    return f'{found}{"-dirty" if changed else ""}' or 'unknown'


def _git(*arguments: str) -> str:
    return subprocess.run(['git', *arguments], cwd=ROOT, capture_output=True, text=True,
                          check=False).stdout.strip()


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f'{package} {importlib.metadata.version(package)}')
        except importlib.metadata.PackageNotFoundError:
            continue
    return ', '.join(found)


if __name__ == '__main__':
    sys.exit(main())
