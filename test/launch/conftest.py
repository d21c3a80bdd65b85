# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The package as an install would lay it out, for `ros2 launch` to find."""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import random

import pytest

ROOT = Path(__file__).resolve().parents[2]
RVIZ = '#!/bin/sh\necho "rviz was closed"\n'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of this folder a hard end."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(90))


@pytest.fixture(scope='session', autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Lay out an ament prefix from the source tree, with an RViz that is closed at once."""
    prefix = tmp_path_factory.mktemp('prefix')
    index = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    for package in ('hybrid_perception', 'rviz2'):
        (index / package).touch()
        (prefix / 'lib' / package).mkdir(parents=True)
    share = prefix / 'share' / 'hybrid_perception'
    share.mkdir()
    for folder in ('launch', 'config', 'models', 'package.xml'):
        (share / folder).symlink_to(ROOT / folder)
    (prefix / 'lib' / 'hybrid_perception' / 'perception_node').symlink_to(
        ROOT / 'scripts' / 'perception_node')
    rviz = prefix / 'lib' / 'rviz2' / 'rviz2'
    rviz.write_text(RVIZ)
    rviz.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('AMENT_PREFIX_PATH', str(prefix), prepend=os.pathsep)
        patch.setenv('PYTHONPATH', str(ROOT), prepend=os.pathsep)
        patch.setenv('PYTHONUNBUFFERED', '1')
        patch.setenv('ROS_DOMAIN_ID', str(random.SystemRandom().randint(1, 100)))
        patch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        yield prefix
