# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is installed, and that package.xml, setup.py, changelog and README say the same."""

from __future__ import annotations

from pathlib import Path
import re
import runpy
import subprocess
import sys
from typing import Any
import xml.etree.ElementTree as ET

import pytest
import setuptools

ROOT = Path(__file__).resolve().parents[2]
NAME = 'hybrid_perception'
# Imported late, where installed: the extras `openvino`, `tensorrt`, `replay` and `view`.
OPTIONAL = {'mcap', 'openvino', 'rerun', 'rosbags', 'tensorrt', 'tqdm', 'zstandard'}
# rosdep keys that one would guess and that do not exist: `rosdep install` would fail for everyone.
NO_ROSDEP_KEYS = {'cuda-python', 'modelopt', 'onnx', 'onnxruntime', 'polygraphy', 'tensorrt'}


def read_setup(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    captured: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, 'setup', lambda **keywords: captured.update(keywords))
    monkeypatch.chdir(path.parent)
    runpy.run_path(str(path))
    return captured


@pytest.fixture
def setup_keywords(monkeypatch):
    return read_setup(ROOT / 'setup.py', monkeypatch)


@pytest.fixture
def package_xml():
    return ET.parse(ROOT / 'package.xml').getroot()


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(
        ['git', 'ls-files', folder], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip('not a git checkout: the list of files to install is not known')
    return set(listed.stdout.split())


@pytest.mark.parametrize('folder', ['launch', 'config', 'models'])
def test_data_files_cover_the_folder(setup_keywords, folder):
    installed = dict(setup_keywords['data_files'])[f'share/{NAME}/{folder}']
    assert tracked(folder)
    assert tracked(folder) <= set(installed)


def test_data_files_make_the_package_visible_to_ros(setup_keywords):
    data_files = dict(setup_keywords['data_files'])
    assert data_files['share/ament_index/resource_index/packages'] == [f'resource/{NAME}']
    assert data_files[f'share/{NAME}'] == ['package.xml']
    assert data_files[f'lib/{NAME}'] == ['scripts/perception_node']
    for files in data_files.values():
        for name in files:
            assert (ROOT / name).is_file(), name


def test_node_script_asks_env_for_python(setup_keywords):
    script = ROOT / 'scripts' / 'perception_node'
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding='utf-8').startswith('#!/usr/bin/env python3\n')


def test_launch_files_have_names_of_their_own():
    names = [path.name for path in ROOT.rglob('*.launch.*')
             if not {'.venv', 'build', 'install', 'runs'} & set(path.relative_to(ROOT).parts)]
    assert len(names) == len(set(names)), 'ros2 launch refuses a name that occurs twice'


def test_every_module_is_packaged(setup_keywords):
    expected = {
        path.parent.relative_to(ROOT).as_posix().replace('/', '.')
        for path in (ROOT / NAME).rglob('*.py')
    }
    assert set(setup_keywords['packages']) == expected
    for pattern in setup_keywords['package_data'][NAME]:
        assert list((ROOT / NAME).glob(pattern)), pattern


def test_console_scripts_are_the_three_promised(setup_keywords, monkeypatch):
    training = read_setup(ROOT / 'hybrid_training' / 'setup.py', monkeypatch)
    scripts = [*setup_keywords['entry_points']['console_scripts'],
               *training['entry_points']['console_scripts']]
    assert {script.split(' = ')[0] for script in scripts} == {
        'perception_node', 'hybrid-perception', 'hybrid-training'}
    for script in scripts:
        module, function = script.split(' = ')[1].split(':')
        top = ROOT if module.startswith(NAME) else ROOT / 'hybrid_training'
        source = top / module.replace('.', '/')
        source = source.with_suffix('.py') if not source.is_dir() else source / '__init__.py'
        assert re.search(rf'\b{function}\b', source.read_text(encoding='utf-8')), script


def test_package_xml_follows_rep_149(package_xml):
    assert package_xml.tag == 'package'
    assert package_xml.get('format') == '3'
    assert package_xml.findtext('name') == NAME
    assert package_xml.findtext('license') == 'Apache-2.0'
    assert package_xml.find('maintainer').get('email')
    assert package_xml.findtext('export/build_type') == 'ament_python'
    keys = [element.text for element in package_xml if element.tag.endswith('depend')]
    assert len(keys) == len(set(keys))
    assert not set(keys) & NO_ROSDEP_KEYS
    assert not [key for key in keys if key.endswith('-pip')], 'these break on PEP 668 hosts'


def test_catkin_accepts_package_xml():
    catkin_pkg = pytest.importorskip('catkin_pkg.package', reason='catkin_pkg is not installed')
    package = catkin_pkg.parse_package(str(ROOT / 'package.xml'))
    warnings: list[str] = []
    package.validate(warnings=warnings)
    assert warnings == []


def test_ros_imports_are_declared(package_xml):
    declared = {element.text for element in package_xml if element.tag.endswith('depend')}
    ours = {NAME}
    imported = set()
    for folder in (NAME, 'launch'):
        for path in (ROOT / folder).rglob('*.py'):
            text = path.read_text(encoding='utf-8')
            imported |= set(re.findall(r'^\s*(?:from|import) (\w+)', text, re.MULTILINE))
    ros = {name for name in imported - ours
           if name in {'rclpy', 'launch', 'launch_ros', 'ament_index_python', 'cv_bridge'}
           or name.endswith(('_msgs', '_srvs', '_interfaces', '_updater'))}
    assert 'rclpy' in ros
    assert ros <= declared


def test_versions_agree(setup_keywords, package_xml, monkeypatch):
    version = setup_keywords['version']
    changelog = (ROOT / 'CHANGELOG.rst').read_text(encoding='utf-8')
    newest = re.search(r'^(\d+\.\d+\.\d+) \(', changelog, re.MULTILINE)
    training = read_setup(ROOT / 'hybrid_training' / 'setup.py', monkeypatch)
    assert package_xml.findtext('version') == version
    assert newest.group(1) == version
    assert training['version'] == version
    assert f'hybrid_perception=={version}' in training['install_requires']


@pytest.mark.parametrize(('package', 'folder'), [
    ('.', 'hybrid_perception'), ('hybrid_training', 'hybrid_training'),
])
def test_python_imports_are_declared(package, folder, monkeypatch):
    requirements = read_setup(ROOT / package / 'setup.py', monkeypatch)['install_requires']
    declared = {re.split(r'[<>=\[;]', requirement)[0].lower() for requirement in requirements}
    imported = set()
    for path in (ROOT / package / folder).rglob('*.py'):
        if path.is_relative_to(ROOT / 'hybrid_perception' / 'ros'):
            continue   # what it adds is in package.xml, see above
        text = path.read_text(encoding='utf-8')
        imported |= set(re.findall(r'^\s*(?:from|import) (\w+)', text, re.MULTILINE))
    names = {'cv2': 'opencv-python-headless', 'PIL': 'pillow', 'yaml': 'pyyaml'}
    missing = {
        module for module in imported - sys.stdlib_module_names - {folder}
        if names.get(module, module) not in declared
    }
    assert missing - OPTIONAL == set()


def test_every_dependency_is_pinned_by_a_range(setup_keywords, monkeypatch):
    training = read_setup(ROOT / 'hybrid_training' / 'setup.py', monkeypatch)
    requirements = [*setup_keywords['install_requires'], *training['install_requires']]
    for extra in setup_keywords['extras_require'].values():
        requirements += extra
    for requirement in requirements:
        specifier = requirement.split(';')[0]
        assert '==' in specifier or '<' in specifier, f'{requirement} has no upper bound'


def test_readme_gives_the_reason_for_every_dependency(setup_keywords, monkeypatch):
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    table = readme[readme.index('## Dependencies'):]
    training = read_setup(ROOT / 'hybrid_training' / 'setup.py', monkeypatch)
    requirements = {*setup_keywords['install_requires'], *training['install_requires'],
                    *setup_keywords['extras_require']['replay'],
                    *setup_keywords['extras_require']['view'],
                    *setup_keywords['extras_require']['tensorrt']}
    names = {re.split(r'[<>=\[;]', requirement)[0] for requirement in requirements} - {NAME}
    missing = sorted(name for name in names if f'`{name}`' not in table)
    assert missing == []


def test_constraints_stay_inside_the_ranges(setup_keywords, monkeypatch):
    requirements = pytest.importorskip('packaging.requirements', reason='packaging is missing')
    training = read_setup(ROOT / 'hybrid_training' / 'setup.py', monkeypatch)
    ranges = {
        parsed.name: parsed.specifier
        for parsed in map(requirements.Requirement, training['install_requires'])
    }
    lines = (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    pins = dict(line.split('==') for line in lines if '==' in line and not line.startswith('#'))
    assert set(pins) >= {'torch', 'torchvision', 'timm'}
    for name, version in pins.items():
        assert ranges[name].contains(version), f'{name} {version} is outside {ranges[name]}'
