# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From the start of the process to the first label, and what its imports take."""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmark.dds.processes import (
    Process,
    environment,
    module_command,
    node_command,
    running,
    wait_for_lines,
)
from benchmark.table import Bar, Settings, Table

ROUNDS = 5
IMPORTS = """
import sys, time
start = time.perf_counter()
import hybrid_perception.ros.segmentation_node
print(time.perf_counter() - start, 'torch' in sys.modules)
"""


def measure(settings: Settings) -> list[Table]:
    """Start the node some times while a camera and a reader wait for it."""
    rounds = settings.rounds(ROUNDS)
    firsts, imports, torch = [], [], False
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            firsts.append(_first_label(settings, Path(name)))
            done = subprocess.run([sys.executable, '-c', IMPORTS], env=environment(),
                                  capture_output=True, text=True, check=True)
            seconds, heavy = done.stdout.split()
            imports.append(float(seconds))
            torch |= heavy == 'True'
    return [Table(
        'Start', ('', 'median s', 'most s'),
        (('process to first label', f'{np.median(firsts):.2f}', f'{max(firsts):.2f}'),
         ('imports of the node', f'{np.median(imports):.2f}', f'{max(imports):.2f}')),
        f'{rounds} starts; files in the cache of the system, a 1280x720 camera at 30 Hz that '
        f'already runs, discovery included. torch is {"" if torch else "not "}imported.',
        (Bar('process to first label, the slowest start', round(max(firsts), 2), 3, ' s'),))]


def _first_label(settings: Settings, folder: Path) -> float:
    log = folder / 'reader.csv'
    log.unlink(missing_ok=True)
    variables = environment()
    around = {
        'reader': module_command('reader', '/perception/label', '--log', str(log)),
        'camera': module_command('camera', '/image', '--readers', '0', '--rate', '30',
                                 '--seconds', '30'),
    }
    with running(around, variables, folder):
        time.sleep(4.0)  # both are there
        start = time.monotonic()
        node = Process(node_command(settings.model, threads=settings.threads[-1]), variables,
                       folder / 'node.log')
        try:
            wait_for_lines(log, 1, node)
            return time.monotonic() - start
        finally:
            node.stop()
