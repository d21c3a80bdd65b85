# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Skip, with a reason, the test folders whose large dependency this machine does not have."""
from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

# pytest names a test `hybrid_training.test.x` after its folder, and would take the project folder
# for the package of that name inside it, if the package were not imported first.
with suppress(ImportError):  # a robot has the runtime alone
    import hybrid_training  # noqa: F401

ROOT = Path(__file__).parent
NEEDS = {
    'hybrid_training/test': ('torch', 'PyTorch is not installed: see TORCH in the Makefile'),
    'test/ros': ('rclpy', 'rclpy is not installed: source ROS 2, or install the extra [ros]'),
}


class _SkippedModule(pytest.Module):
    """A test module that is skipped before it is imported."""

    reason = ''

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        pytest.skip(self.reason, allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Replace a module that cannot be imported by one that says why it is skipped."""
    for folder, (library, reason) in NEEDS.items():
        if module_path.is_relative_to(ROOT / folder) and find_spec(library) is None:
            module = _SkippedModule.from_parent(parent, path=module_path)
            module.reason = reason
            return module
    return None
