# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's own wheels, unpacked: the bindings of TensorRT, and TensorRT for RTX with its builder.

They are looked for in the folder that HYBRID_PERCEPTION_TENSORRT_WHEELS names; nothing is
downloaded. How to fill it: docs/tensorrt.md. Without the libraries of TensorRT, which no package
index has, the bindings import over empty ones that are compiled here.
"""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess
import sys
from zipfile import ZipFile

import pytest

VARIABLE = 'HYBRID_PERCEPTION_TENSORRT_WHEELS'
ENTRY_POINTS = (
    'createInferBuilder_INTERNAL', 'createInferRuntime_INTERNAL', 'createInferRefitter_INTERNAL',
    'createNvOnnxParser_INTERNAL', 'createNvOnnxParserRefitter_INTERNAL',
    'getNvOnnxParserVersion', 'getPluginRegistry', 'getBuilderPluginRegistry',
    'initLibNvInferPlugins',
)
LIBRARIES = {
    'tensorrt_bindings': [f'lib{name}.so.{major}' for major in (10, 11)
                          for name in ('nvinfer', 'nvinfer_plugin', 'nvonnxparser')],
    'tensorrt_rtx_bindings': ['libtensorrt_rtx.so.1', 'libtensorrt_onnxparser_rtx.so.1'],
}


def unpack(pattern: str, directory: Path) -> Path:
    """Unpack the wheel that fits a pattern and this Python; skip the test where there is none."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f'{VARIABLE} does not name a folder with the wheels: see docs/tensorrt.md')
    tag = f'cp{sys.version_info.major}{sys.version_info.minor}'
    wheels = [wheel for wheel in sorted(Path(folder).glob(pattern))
              if tag in wheel.name or '-py3-' in wheel.name]
    if not wheels:
        pytest.skip(f'{folder} has no {pattern} for {tag}')
    target = directory / wheels[-1].stem
    with ZipFile(wheels[-1]) as archive:
        archive.extractall(target)
    return target


def compile_empty_libraries(package: str, directory: Path) -> Path:
    """Compile libraries that offer what a package's bindings link to, and do nothing."""
    compiler = shutil.which('cc')
    if compiler is None:
        pytest.skip('no C compiler: the bindings cannot be imported without libraries')
    directory.mkdir(exist_ok=True)
    source = directory / 'empty.c'
    source.write_text('\n'.join(f'void *{name}(void) {{ return 0; }}' for name in ENTRY_POINTS))
    for library in LIBRARIES[package]:
        subprocess.run([compiler, '-shared', '-fPIC', f'-Wl,-soname,{library}', '-o',
                        directory / library, source], check=True)
    return directory


def link_rtx_libraries(unpacked: Path, directory: Path) -> Path:
    """Give the real libraries of TensorRT for RTX the names that its bindings link to."""
    directory.mkdir(exist_ok=True)
    for name in LIBRARIES['tensorrt_rtx_bindings']:
        real, = unpacked.rglob(f'{name}.*')
        (directory / name).symlink_to(real)
    return directory


def run_with(code: str, *, bindings: Path, libraries: Path, given: str) -> str:
    """Run code in a process that has the bindings; return what it prints."""
    root = Path(__file__).resolve().parents[2]
    finished = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], input=given, capture_output=True, text=True,
        timeout=300, check=False,
        env={**os.environ, 'LD_LIBRARY_PATH': str(libraries),
             'PYTHONPATH': f'{bindings}{os.pathsep}{root}'})
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout
