# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests on a GPU measured goes to where `make test-gpu` wants it."""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import platform

from gpu_results import Latency, write_results
import pytest

from hybrid_perception.engine.accelerator import find_accelerator

VARIABLE = 'HYBRID_PERCEPTION_GPU_RESULTS'


@pytest.fixture(scope='session')
def results() -> Iterator[list[Latency]]:
    """Collect measurements; the file is written at the end, where one was asked for."""
    rows: list[Latency] = []
    yield rows
    if rows and os.environ.get(VARIABLE):
        accelerator = find_accelerator()
        write_results(Path(os.environ[VARIABLE]), {
            'GPU': f'{accelerator.gpu.name}, compute capability '
                   f'{accelerator.gpu.compute_capability}',
            'driver for CUDA': accelerator.gpu.driver,
            'TensorRT': accelerator.library.name,
            'machine': f'{platform.machine()}, {os.cpu_count()} cores, Python '
                       f'{platform.python_version()}',
        }, rows)
