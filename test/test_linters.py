# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The linters that a ROS 2 package is judged by; each is skipped where ament does not have it."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [str(ROOT / name) for name in (
    'hybrid_perception', 'hybrid_training', 'launch', 'demo', 'test', 'benchmark', 'setup.py')
    if (ROOT / name).exists()]

pytestmark = pytest.mark.linter


def ament(name: str):
    return pytest.importorskip(f'{name}.main', reason=f'{name} comes with a ROS 2 installation')


@pytest.mark.copyright
def test_copyright():
    assert ament('ament_copyright').main(argv=FOLDERS) == 0


@pytest.mark.xmllint
def test_xmllint():
    assert ament('ament_xmllint').main(argv=[str(ROOT / 'package.xml')]) == 0


@pytest.mark.flake8
def test_flake8():
    errors, messages = ament('ament_flake8').main_with_errors(argv=FOLDERS)
    assert errors == 0, '\n'.join(messages)


@pytest.mark.pep257
def test_pep257():
    assert ament('ament_pep257').main(argv=[str(ROOT / 'hybrid_perception')]) == 0


def python_files() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted(Path(folder).rglob('*.py'))]


def test_every_file_names_its_licence():
    assert len(python_files()) > 20
    without = [
        str(path.relative_to(ROOT)) for path in python_files()
        if 'SPDX-License-Identifier: Apache-2.0' not in
        '\n'.join(path.read_text(encoding='utf-8').splitlines()[:3])
    ]
    assert without == []


@pytest.mark.parametrize('package', ['hybrid_perception', 'hybrid_training/hybrid_training'])
def test_modules_stay_small(package):
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / package).rglob('*.py')
        if (lines := len(path.read_text(encoding='utf-8').splitlines())) > 400
    }
    assert long == {}, 'a module has 400 lines at most: split it along its nouns'
