# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The sections that talk over DDS: their arithmetic, and one of them for real."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys
import time
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmark.bar_chart import write_bar_chart
from benchmark.dds.cases import last_of_frames
from benchmark.dds.pass_through import write_pass_through
from benchmark.dds.processes import Received, read_log
from benchmark.end_to_end import cells, read_levels
from benchmark.overload import growth
from benchmark.several_cameras import APART, NARROW, SHARED, Case, better, verdict, ways
from benchmark.table import NotMeasured
from hybrid_perception.backends.onnxruntime_backend import OnnxRuntimeBackend

ROOT = Path(__file__).resolve().parents[2]


def test_a_log_is_read_to_the_last_whole_line(tmp_path):
    path = tmp_path / 'reader.csv'
    path.write_text('0,2000000000,500000000\n1,3000000000,250000000\n0,40000')
    received = read_log(path)
    assert received.topic.tolist() == [0, 1]
    assert received.received.tolist() == [2.0, 3.0]
    assert received.age.tolist() == [0.5, 0.25]


def test_a_frame_has_come_when_its_last_output_has():
    # Stamped 1.0, 2.0 and 3.0, with outputs 0 and 1, of which the last frame has one; topic 2 is
    # somebody else's.
    received = Received(np.array([0, 2, 1, 1, 0, 1]), np.array([1.3, 1.4, 1.5, 2.2, 2.6, 3.1]),
                        np.array([0.3, 0.4, 0.5, 0.2, 0.6, 0.1]))
    last = last_of_frames(received, range(2))
    assert last.age.tolist() == [0.5, 0.6, 0.1]


def test_the_free_model_answers_in_the_form_of_the_real_one(tiny_model, tmp_path):
    manifest = write_pass_through(tiny_model, tmp_path)
    height, width = manifest.input_size
    label, score = OnnxRuntimeBackend(manifest, threads=1).infer(
        np.full((1, height, width, 3), 7, np.uint8))
    assert (label.shape, label.dtype, score.shape, score.dtype) == (
        (height, width), np.uint8, (height, width), np.float32)


def test_processes_of_a_measurement_that_is_killed_end_with_it(tmp_path):
    script = tmp_path / 'measure.py'
    script.write_text(
        'import os, sys, time\nfrom pathlib import Path\n'
        'from benchmark.dds.processes import running\n'
        'with running({"node": ["sleep", "60"]}, os.environ, Path(sys.argv[1])) as started:\n'
        '    print(started["node"]._child.pid, flush=True)\n    time.sleep(60)\n')
    measurement = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    child = Path('/proc') / measurement.stdout.readline().strip() / 'stat'

    def runs():
        try:
            return ') Z ' not in child.read_text()   # dead, until whoever inherits it looks
        except (FileNotFoundError, ProcessLookupError):
            return False

    assert runs()
    measurement.kill()
    measurement.communicate()
    end = time.monotonic() + 20
    while runs():
        assert time.monotonic() < end, 'the child goes on'
        time.sleep(0.05)


def cameras(way, *, rate=10.0, p99=200.0, resident=400.0, least=50, count=2):
    return Case(count, way, rate, least, 60, 100.0, p99, resident)


def test_the_better_way_has_younger_labels_then_more_of_them_then_less_memory():
    assert better([cameras(SHARED), cameras(APART, rate=10.5, resident=800)]).way == APART
    assert better([cameras(SHARED), cameras(APART, rate=10.2, resident=800)]).way == SHARED
    assert better([cameras(SHARED, p99=300), cameras(APART, rate=9)]).way == APART
    assert better([cameras(SHARED), cameras(APART, rate=20, p99=230)]).way == SHARED
    assert better([cameras(SHARED), cameras(APART, rate=20, least=20)]).way == SHARED
    text = verdict([cameras(SHARED, count=1), cameras(SHARED), cameras(APART, rate=20)])
    assert '2 cameras: **apart**' in text
    assert '1 cameras' not in text


def test_engines_of_one_thread_each_are_a_way_of_their_own_where_there_are_more():
    assert ways(1, 2) == ways(4, 1) == (SHARED, APART)
    assert ways(2, 2) == (SHARED, APART, NARROW)


def test_an_age_that_grows_is_told_from_an_engine_that_slows_down():
    engine = np.array([0.2, 0.2, 0.21, 0.22, 0.24, 0.24])
    assert growth(1.2 * engine, engine) == pytest.approx(1)
    queue = np.array([0.25, 0.25, 0.3, 0.4, 0.5, 0.5])
    assert growth(queue, np.full(6, 0.2)) == pytest.approx(2)


@pytest.mark.ros
@pytest.mark.timeout(300)
def test_node_and_echo_are_timed_over_dds(tiny_model):
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    done = subprocess.run(
        [sys.executable, '-m', 'benchmark.run', '--quick', '--model', str(tiny_model),
         '--threads', '1', '--only', 'node_time'], cwd=ROOT, capture_output=True, text=True,
        timeout=280, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert all(value > 0 for value in row_of(done.stdout))


@pytest.mark.ros
@pytest.mark.timeout(300)
def test_every_level_from_engine_to_reader_is_timed_in_one_run(make_tiny_model):
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    model = make_tiny_model(256, 512)   # its time must not round to nothing
    done = subprocess.run(
        [sys.executable, '-m', 'benchmark.run', '--quick', '--model', str(model),
         '--threads', '1', '--only', 'end_to_end'], cwd=ROOT, capture_output=True, text=True,
        timeout=280, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    engine, core, core_ratio, node, _, reader, most, _, echo = row_of(done.stdout)
    # A few frames each: on a busy machine one hiccup lifts the engine or the core above the node.
    assert min(engine, core, echo) > 0
    assert 0 < node < reader <= most
    assert core_ratio == pytest.approx(core / engine, rel=0.2)


def test_each_level_is_read_off_its_log_without_its_warm_up(tmp_path):
    times, images = tmp_path / 'times.csv', tmp_path / 'images.csv'
    times.write_text('0,90\n1,91\n2,92\n2,93\n0,10\n1,11\n2,12\n0,20\n', encoding='ascii')
    # A frame each second: the node's outputs 0 and 1 after 5 and 7 ms, the echo's after 2 and 3.
    ages = ((0, 5), (1, 7), (2, 2), (3, 3))
    images.write_text(''.join(
        f'{topic},{second * 10**9 + (age + second) * 10**6},{(age + second) * 10**6}\n'
        for second in range(1, 5) for topic, age in ages), encoding='ascii')
    levels = read_levels(times, images, 2)
    assert [levels[name] for name in ('engine', 'core', 'node')] == [[10, 20], [11], [12]]
    np.testing.assert_allclose(levels['reader'], [10, 11])
    np.testing.assert_allclose(levels['echo'], [6, 7])


def row_of(page):
    row, = (line for line in page.splitlines() if line.startswith('| 640x360 raw, 3 output(s)'))
    return [float(cell) for cell in row.split('|')[2:-1]]


def test_a_level_that_sent_nothing_is_named():
    levels = {'engine': [100.0, 102.0, 98.0], 'core': [103.0], 'node': [110.0],
              'reader': [115.0, 130.0, 113.0], 'echo': [10.0]}
    assert cells(levels) == ('100.0', '103.0', '1.030', '110.0', '1.100', '115.0', '130.0',
                             '1.150', '10.0')
    with pytest.raises(NotMeasured, match='core, echo'):
        cells({**levels, 'core': [], 'echo': np.empty(0)})


@pytest.mark.ros
@pytest.mark.timeout(300)
def test_the_stages_of_a_frame_are_measured_and_drawn(tiny_model, tmp_path):
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    page = tmp_path / 'performance.md'
    done = subprocess.run(
        [sys.executable, '-m', 'benchmark.run', '--quick', '--model', str(tiny_model),
         '--threads', '1', '--only', 'latency', '--output', str(page)], cwd=ROOT,
        capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    text = page.read_text(encoding='utf-8')
    row, = (line for line in text.splitlines() if line.startswith('| 640x360 raw |'))
    *stages, total = (float(cell) for cell in row.split('|')[2:-1])
    assert len(stages) == 5
    assert sum(stages) == pytest.approx(total, abs=0.4)
    assert stages[2] > 0
    assert '(images/latency.svg)' in text
    assert (tmp_path / 'images' / 'latency.svg').is_file()


def test_bars_are_drawn_to_scale(tmp_path):
    path = tmp_path / 'new' / 'chart.svg'
    write_bar_chart(path, {'a <b>': {'one': 10.0, 'two': 30.0}, 'c': {'one': 5.0, 'two': 0.0}},
                    'ms')
    root = ElementTree.parse(path).getroot()
    space = '{http://www.w3.org/2000/svg}'
    widths = [float(bar.get('width')) for bar in root.iter(f'{space}rect')
              if bar.find(f'{space}title') is not None]
    assert widths[1] == pytest.approx(3 * widths[0], abs=0.2)
    assert widths[2] == pytest.approx(widths[0] / 2, abs=0.2)
    assert widths[3] == 0
    assert 'a <b>' in {text.text for text in root.iter(f'{space}text')}
