# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Peak resident memory of the engine and of the core, each in a process of its own."""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys

from benchmark.interleaved import noise
from benchmark.table import Bar, Settings, Table
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend
from hybrid_perception.manifest import load_manifest
from hybrid_perception.segmentation import Segmenter

FRAMES = 10
CAMERA = (1080, 1920)


def measure(settings: Settings) -> list[Table]:
    """Run both, one after the other."""
    peaks = {what: _peak(what, settings) for what in ('engine', 'core')}
    over = peaks['core'] - peaks['engine']
    return [Table(
        'Peak resident memory after ten frames', ('', 'MB', 'over the engine'),
        (('engine alone', f'{peaks["engine"]:.0f}', ''),
         (f'core, camera {CAMERA[1]}x{CAMERA[0]}', f'{peaks["core"]:.0f}', f'{over:+.0f}')),
        'Python, its libraries and the model included. That nothing of image size is allocated '
        'per frame is tested: `test_segmentation.py` and `test_scene.py` in `test/unit`.',
        (Bar('core over the engine', round(over), 150, ' MB'),))]


def _peak(what: str, settings: Settings) -> float:
    done = subprocess.run(
        [sys.executable, '-m', 'benchmark.memory', what, str(settings.model),
         str(settings.threads[-1])], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Print the peak of this process in MB; arguments: engine or core, model, threads."""
    what, model, threads = sys.argv[1:]
    manifest = load_manifest(model)
    engine = OnnxRuntimeBackend(manifest, threads=int(threads))
    image, frame = noise((1, *manifest.input_size, 3)), noise((*CAMERA, 3))
    segmenter = Segmenter(manifest, engine)
    for _ in range(FRAMES):
        if what == 'engine':
            engine.infer(image)
        else:
            segmenter.segment(frame)
    # Not getrusage: what that tells starts with the peak of the parent.
    status = Path('/proc/self/status').read_text(encoding='ascii')
    print(int(status.partition('VmHWM:')[2].split()[0]) / 1024)


if __name__ == '__main__':
    main()
