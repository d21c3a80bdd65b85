# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What commands may write to: files that they did not make are still there afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
import shutil

import pytest

from hybrid_perception.cli.main import main

from .conftest import camera, write_bag


def tree(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder by path."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*')) if path.is_file()}


@pytest.fixture
def drives(tmp_path):
    """Make a folder of two recordings and a note."""
    folder = tmp_path / 'drives'
    for name in ('monday', 'tuesday'):
        write_bag(folder / name, camera(range(3)))
    (folder / 'notes.txt').write_text('rain')
    return folder


@pytest.fixture
def refused(tiny_model, drives, capsys, monkeypatch):
    """Make a function that runs a command in the drives' folder; nothing there may change."""
    monkeypatch.chdir(drives)

    def run(*arguments: object) -> str:
        before = tree(drives)
        assert main([*map(str, arguments)]) == 1
        assert tree(drives) == before
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(('output', 'words'), [
    ('.', 'is a folder that holds the input'),
    ('../drives', 'is a folder that holds the input'),
    ('monday', 'is the input'),
    ('../drives/tuesday/../monday', 'is the input'),
    ('tuesday', 'is not a bag written by hybrid-perception'),
    ('tuesday/tuesday.mcap', 'is not a bag written by hybrid-perception'),
    ('notes.txt', 'is not a bag written by hybrid-perception'),
])
def test_replay_replaces_nothing_that_it_did_not_write(refused, tiny_model, output, words):
    assert words in refused('replay', 'monday', '--model', tiny_model, '--output', output,
                            '--overwrite')


@pytest.mark.parametrize('command', [
    ('replay', 'monday', '--output', '../out.mcap', '--objects'),
    ('objects', 'monday', '--output'),
    ('view', 'monday', '--no-browser', '--html'),
])
@pytest.mark.parametrize('target', ['tuesday/tuesday.mcap', 'monday/monday.mcap', 'notes.txt',
                                    'tuesday', '.'])
def test_pages_and_lists_replace_no_recording(refused, tiny_model, command, target):
    said = refused(*command, target, '--model', tiny_model)
    assert 'so it is not replaced' in said or 'holds the input' in said


def test_a_comparison_replaces_no_recording(refused):
    assert 'so it is not replaced' in refused(
        'compare', 'monday', 'tuesday', '--html', 'tuesday/metadata.yaml')


def test_what_replay_wrote_is_replaced_in_both_forms(drives, tiny_model, tmp_path):
    for output in (tmp_path / 'seen.mcap', tmp_path / 'seen'):
        command = ['replay', str(drives / 'monday'), '--model', str(tiny_model), '--output',
                   str(output), '--objects', str(tmp_path / 'seen.jsonl'), '--overwrite']
        assert main(command) == 0
        first = tree(tmp_path)
        assert main(command) == 0
        assert tree(tmp_path) == first
    page = ['view', str(tmp_path / 'seen.mcap'), '--model', str(tiny_model), '--no-browser',
            '--html', str(tmp_path / 'seen.html')]
    assert main(page) == main(page) == 0


def test_a_bag_of_ours_with_something_else_in_it_stays(drives, tiny_model, tmp_path, capsys):
    output = tmp_path / 'seen'
    command = ['replay', str(drives / 'monday'), '--model', str(tiny_model), '--output',
               str(output), '--overwrite']
    assert main(command) == 0
    shutil.copy(drives / 'notes.txt', output)
    before = tree(tmp_path)
    assert main(command) == 1
    assert 'so it is not replaced' in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_a_folder_that_is_called_like_an_unfinished_run_stays(refused, drives, tiny_model):
    (drives / 'seen.mcap.part').mkdir()
    (drives / 'seen.mcap.part' / '1').write_text('mine')
    assert 'is no unfinished run' in refused(
        'replay', 'monday', '--model', tiny_model, '--output', 'seen.mcap', '--restart')
