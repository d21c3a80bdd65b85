# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The runner and its sections on the tiny model: that they run and say what they should."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
import random
import subprocess
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper
import pytest

from benchmark.flops import count, heads_output
from benchmark.interleaved import ratio, take_turns
from benchmark.page import read_sections, write_page
from benchmark.run import main
from benchmark.sections import SECTIONS
from benchmark.table import Bar, NotMeasured, Settings, Table

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(600)


def run(*arguments):
    return subprocess.run(
        [sys.executable, '-m', 'benchmark.run', *map(str, arguments)], cwd=ROOT,
        capture_output=True, text=True, timeout=500, check=False)


def test_core_and_memory_on_the_tiny_model(tiny_model, tmp_path):
    path = tmp_path / 'performance.md'
    done = run('--quick', '--model', tiny_model, '--threads', '1', '--only', 'core',
               '--only', 'memory', '--output', path)
    assert done.returncode == 0, done.stderr
    text = path.read_text(encoding='utf-8')
    assert 'A quick run' in text
    for words in ('| engine |', '| core, camera 1920x1080 |',
                  'to the engine', '| engine alone |', 'same graph with the label alone'):
        assert words in text
    assert '| [Memory](#memory) | core over the engine |' in text
    [engine] = [line for line in text.splitlines() if line.startswith('| engine |')]
    assert engine.endswith('| 1.000 |')


def test_a_model_that_is_not_there_fails_its_section_alone(tmp_path):
    done = run('--quick', '--model', tmp_path / 'none.json', '--only', 'core')
    assert done.returncode == 1
    assert 'failed: core' in done.stderr
    assert 'none.json' in done.stdout
    assert '# Performance' in done.stdout


def test_a_section_that_is_not_measured_again_stays_with_its_own_date(tiny_model, tmp_path):
    path = tmp_path / 'performance.md'
    old = '*2026-01-02, commit abc*\n\n### Start\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n'
    path.write_text(write_page(
        ['Start', 'Memory', 'Gone'],
        {'Start': old, 'Memory': 'worthless\n', 'Gone': 'no such section\n'}, {}, 'notes\n'))
    done = run('--quick', '--model', tiny_model, '--threads', '1', '--only', 'memory',
               '--output', path)
    assert done.returncode == 0, done.stderr
    text = path.read_text(encoding='utf-8')
    sections = read_sections(text)
    assert list(sections) == [section.title for section in SECTIONS]
    assert sections['Start'] == old
    assert 'engine alone' in sections['Memory']
    assert '--only memory --threads 1 --quick' in sections['Memory']
    assert sections['Transport'] == '*Not measured yet.*\n'
    assert 'worthless' not in text
    assert 'no such section' not in text


def test_a_failure_does_not_replace_older_figures(tmp_path):
    path = tmp_path / 'performance.md'
    path.write_text(write_page(['Memory'], {'Memory': 'figures\n'}, {}, ''))
    done = run('--quick', '--model', tmp_path / 'none.json', '--only', 'memory', '--output', path)
    assert done.returncode == 1
    assert read_sections(path.read_text(encoding='utf-8'))['Memory'] == 'figures\n'


def test_wrong_usage_is_2():
    for arguments in (['--only', 'speed'], ['--threads', '0'], ['--threads', 'x']):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


def test_every_section_can_be_measured():
    pytest.importorskip('torch', reason='some sections export networks')
    names = [section.module for section in SECTIONS]
    assert len(set(names)) == len(names)
    for name in names:
        assert callable(importlib.import_module(f'benchmark.{name}').measure)


def test_what_is_missing_is_said_and_is_no_failure(tiny_model, monkeypatch, tmp_path):
    def nothing_here(settings):
        raise NotMeasured('numba is not installed')

    path = tmp_path / 'answer.json'
    monkeypatch.setattr('benchmark.native_tail.measure', nothing_here)
    assert main(['--model', str(tiny_model), '--only', 'native_tail', '--child', str(path)]) == 0
    assert json.loads(path.read_text()) == {'not measured': 'numba is not installed'}


def test_turns_are_random_and_ratios_are_taken_within_a_round():
    order = []
    seconds = take_turns({name: lambda name=name: order.append(name) for name in 'ab'}, 40)
    assert order[:2] == ['a', 'b'], 'each is called once before'
    rounds = [order[i:i + 2] for i in range(2, len(order), 2)]
    assert ['a', 'b'] in rounds
    assert ['b', 'a'] in rounds
    assert all(len(values) == 40 for values in seconds.values())
    shuffler = random.Random(0)
    load = np.array([shuffler.uniform(1, 9) for _ in range(40)])
    assert ratio({'x': 2 * load, 'y': load}, 'x', 'y') == pytest.approx(2)


def test_tables_are_markdown():
    text = Table('Times', ('', 'ms'), (('engine', '3'),), 'A note.').markdown()
    assert text == '### Times\n\nA note.\n\n|  | ms |\n| --- | --- |\n| engine | 3 |\n'


def test_a_bar_is_met_up_to_its_limit_and_never_by_what_is_no_number():
    assert Bar('time', 1.03, 1.03).met
    assert not Bar('time', 1.031, 1.03).met
    assert Bar('throughput', 95, 95, at_least=True).met
    assert not Bar('throughput', 94.9, 95, at_least=True).met
    assert not Bar('time', math.nan, 1).met
    assert not Bar('throughput', math.nan, 1, at_least=True).met


def test_the_head_of_the_page_gathers_the_bars_of_all_sections_old_and_new():
    new = Table('Times', ('a',), (('1',),), bars=(
        Bar('core: at 720p', 1.012, 1.03), Bar('speed', 93.25, 95, ' %', at_least=True)))
    old = Table('Start', ('a',), (('1',),), bars=(Bar('first label', 0.86, 3, ' s'),))
    page = write_page(["The node's start", 'Core', 'Empty'], {'Core': new.markdown()},
                      {"The node's start": old.markdown()}, 'notes\n')
    head = page[:page.index('## ')]
    assert ("| [The node's start](#the-nodes-start) | first label | 0.86 s | at most 3 s | met |"
            ) in head
    assert '| [Core](#core) | core: at 720p | 1.012 | at most 1.03 | met |' in head
    assert '| [Core](#core) | speed | 93.25 % | at least 95 % | **missed** |' in head
    assert head.count('| [') == 3
    assert list(read_sections(page)) == ["The node's start", 'Core', 'Empty']


def test_a_page_without_bars_has_no_table_of_them():
    assert '| asked |' not in write_page(['Core'], {}, {}, 'notes\n')


def test_variants_are_timed_without_accuracy_where_a_labelled_set_is_missing(tmp_path):
    pytest.importorskip('torch', reason='graph variants are exported')
    from benchmark.graph_variants import load_source

    source = load_source(Settings(data=tmp_path), 10)
    assert source.sets is None
    assert 'no such folder' in source.without
    assert 'give `--data`' in load_source(Settings(), 10).without


def test_arithmetic_is_counted_without_the_tail():
    def conv(name, inputs, output, **attributes):
        return helper.make_node('Conv', inputs, [output], name=name, **attributes)

    def weights(name, *shape):
        return numpy_helper.from_array(np.ones(shape, np.float32), name)

    graph = helper.make_graph(
        [conv('stem', ['image', 'a', 'bias'], 'x', pads=[1, 1, 1, 1], strides=[2, 2]),
         conv('heads', ['x', 'b'], 'maps'),
         conv('upsample', ['maps', 'c'], 'label', group=2),
         helper.make_node('Neg', ['maps'], ['anomaly_score'])], 'net',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, 8, 12])],
        [helper.make_tensor_value_info('label', TensorProto.FLOAT, [1, 2, 4, 6]),
         helper.make_tensor_value_info('anomaly_score', TensorProto.FLOAT, [1, 2, 4, 6])],
        [weights('a', 5, 3, 3, 3), weights('bias', 5), weights('b', 2, 5, 1, 1),
         weights('c', 2, 1, 1, 1)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=8)
    outputs = ['label', 'anomaly_score']
    assert heads_output(model, outputs) == 'maps'
    operations, parameters = count(model, outputs)
    assert operations == 2 * (5 * 24 * 27 + 2 * 24 * 5)
    assert parameters == 5 * 27 + 5 + 10
