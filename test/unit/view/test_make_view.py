# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`make view`, run by make: from pictures to a page that a browser shows."""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess
import sys

import cv2
import pytest

from ..replay.conftest import picture

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent


@pytest.fixture
def made(tmp_path, tiny_model):
    """Run it in an empty folder, as if all were installed; gives the page."""
    if shutil.which('make') is None or not (BIN / 'hybrid-perception').exists():
        pytest.skip('needs make, and the package installed beside this Python')
    pictures = tmp_path / 'pictures'
    pictures.mkdir()
    for number in range(4):
        cv2.imwrite(str(pictures / f'{number}.png'), picture(number)[..., ::-1])
    stamps = [tmp_path / 'stamps' / name for name in ('package', 'replay')]
    stamps[0].parent.mkdir()
    for stamp in stamps:
        stamp.touch()
    work = tmp_path / 'work'
    work.mkdir()
    done = subprocess.run(
        ['make', '-f', str(ROOT / 'Makefile'), 'view', f'SOURCE={pictures}', f'MODEL={tiny_model}',
         f'BIN={BIN}', f'STAMPS={stamps[0].parent}', *(f'--old-file={stamp}' for stamp in stamps)],
        cwd=work, capture_output=True, text=True, timeout=300, check=False,
        # No screen, so no browser is opened; the package is the one under test.
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'DISPLAY': '', 'WAYLAND_DISPLAY': ''})
    assert done.returncode == 0, done.stderr
    assert 'view.html: 4 frames' in done.stdout
    return work / 'demo' / 'output' / 'view.html'


def test_a_browser_shows_what_make_view_made(made, open_browser):
    assert sorted(path.name for path in made.parent.iterdir()) == ['view.html', 'view.mcap']
    browser = open_browser(f'{made.as_uri()}#frame=2')
    browser.wait_for('document.documentElement.dataset.ready')
    assert browser.evaluate('document.documentElement.dataset.frame') == '2'
    assert browser.evaluate('data.frames.length') == 4
    assert browser.evaluate("document.getElementById('trouble').hidden")
    assert browser.errors() == []
