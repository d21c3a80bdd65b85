# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The GPU as the driver's library describes it; the library is compiled by the test."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from hybrid_perception.engine import gpu
from hybrid_perception.exceptions import EngineError

DRIVER = r"""
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDriverGetVersion(int *version) { *version = 12060; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "Orin", size); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 8 : attribute == 76 ? 7 : -1;
    return LOST;
}
"""


@pytest.fixture
def install_driver(tmp_path, monkeypatch):
    """Make a function that compiles a driver of which some calls fail."""
    compiler = shutil.which('cc')
    if compiler is None:
        pytest.skip('no C compiler: the stand-in of libcuda cannot be compiled')

    def install(*, init=0, count=1, lost=0):
        source, library = tmp_path / 'driver.c', tmp_path / 'libcuda.so.1'
        source.write_text(DRIVER)
        subprocess.run([compiler, '-shared', '-fPIC', f'-DINIT={init}', f'-DCOUNT={count}',
                        f'-DLOST={lost}', '-o', library, source], check=True)
        monkeypatch.setattr(gpu, 'DRIVER_LIBRARY', str(library))

    return install


def test_the_driver_describes_its_gpu(install_driver):
    install_driver()
    assert gpu.find_gpu() == gpu.Gpu(name='Orin', compute_capability='8.7', driver='12.6')


@pytest.mark.parametrize('failure', [{'init': 100}, {'count': 0}])
def test_a_driver_without_a_gpu_is_told_from_no_driver(install_driver, failure):
    install_driver(**failure)
    with pytest.raises(EngineError, match=r'finds no GPU.*CUDA_VISIBLE_DEVICES'):
        gpu.find_gpu()


def test_a_gpu_that_does_not_answer_is_an_error(install_driver):
    install_driver(lost=999)
    with pytest.raises(EngineError, match='CUDA status 999'):
        gpu.find_gpu()


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setattr(gpu, 'DRIVER_LIBRARY', 'libcuda-nowhere.so.1')
    with pytest.raises(EngineError, match=r'no NVIDIA driver .libcuda-nowhere\.so\.1'):
        gpu.find_gpu()
