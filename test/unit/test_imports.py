# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Who may import what: the core needs neither ROS nor torch, and only ros/ imports rclpy."""

from __future__ import annotations

import ast
from pathlib import Path
import subprocess
import sys

import pytest

import hybrid_perception

PACKAGE = Path(hybrid_perception.__file__).parent
ROS = ('rclpy', 'sensor_msgs', 'std_msgs', 'std_srvs', 'lifecycle_msgs', 'diagnostic_msgs',
       'vision_msgs', 'rcl_interfaces', 'cv_bridge', 'ament_index_python', 'launch')
FORBIDDEN = (*ROS, 'torch', 'torchvision', 'timm', 'hybrid_training')
CORE = sorted(
    path for path in PACKAGE.rglob('*.py') if path.relative_to(PACKAGE).parts[0] != 'ros'
)

BLOCKED_IMPORT = """
import importlib, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {forbidden!r}:
            raise ImportError('blocked: ' + name)

sys.meta_path.insert(0, Block())
for module in {modules!r}:
    importlib.import_module(module)
print('imported', len({modules!r}))
"""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imported(path: Path) -> set[str]:
    """Collect the top-level packages that a file imports anywhere, functions included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split('.')[0])
    return names


def run_blocked(modules: list[str]) -> subprocess.CompletedProcess[str]:
    code = BLOCKED_IMPORT.format(forbidden=FORBIDDEN, modules=modules)
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, timeout=60,
        cwd=PACKAGE.parent, check=False,
    )


def test_every_core_module_imports_without_ros_and_torch():
    modules = [module_name(path) for path in CORE]
    assert 'hybrid_perception.segmentation' in modules
    finished = run_blocked(modules)
    assert finished.returncode == 0, finished.stderr
    assert f'imported {len(modules)}' in finished.stdout


def test_the_block_works():
    finished = run_blocked(['torch'])
    assert finished.returncode != 0
    assert 'blocked: torch' in finished.stderr


@pytest.mark.parametrize('path', CORE, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_core_files_name_neither_ros_nor_torch(path):
    assert imported(path).isdisjoint(FORBIDDEN)


def test_the_runtime_never_imports_the_training_package():
    for path in PACKAGE.rglob('*.py'):
        assert imported(path).isdisjoint({'torch', 'hybrid_training'}), path
